/** Who somebody is, for how long and by whose word. Checked by tsc; nothing here runs. */

import { defineConfig, deny, live, type RequestEvent } from 'svelte-realtime';
import { configure, createClient } from 'svelte-realtime/client';
import type { Identity } from 'svelte-realtime/plugins/identity';
import { single } from 'svelte-realtime/presets';
import type { Connection } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/adapter';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { UserOf } from '../../plugins/rpc/context.ts';

declare const identity: Identity;
declare const connection: Connection;
declare const schema: StandardSchemaV1<string, number>;
declare const platform: App.Platform;

configure({ auth: true });
configure({ auth: '/refresh' });
configure({ auth: () => 'token' });
createClient({ auth: async () => null });
// @ts-expect-error to ask nobody is to leave it out
configure({ auth: false });

export const config = defineConfig({
	preset: single({
		identity: {
			maxAge: 60_000,
			async authenticate({ cookies, request }) {
				const known: string | undefined = cookies.get('session');
				if (known === undefined) return deny('UNAUTHENTICATED', request.url);
				cookies.set('session', known, { maxAge: 60, sameSite: 'strict' });
				return undefined;
			}
		}
	})
});
// @ts-expect-error it answers with a denial, or not at all
single({ identity: { authenticate: () => true } });

export const count: number = identity.revoke({ user: 7 }, { except: connection });
identity.revoke({ connection }, { mode: 'reauthorise' });
identity.revoke(({ data }) => data.user === undefined, { reason: 'Sign in.' });
identity.set(connection, { id: 1 });
platform.revoke({ user: 'ada' });
// @ts-expect-error a user is named by its id
identity.revoke({ user: { id: 1 } });
// @ts-expect-error there are two ways
identity.revoke({ user: 1 }, { mode: 'later' });

// --- `user` of the config ---

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;

declare global {
	namespace App {
		interface Locals {
			visitor?: { id: string; role: 'admin' | 'guest' };
		}
	}
}

const later = defineConfig({
	preset: single(),
	async user({ locals, cookies }) {
		return cookies.get('session') === undefined ? null : locals.visitor;
	}
});
const always = defineConfig({ user: ({ url }) => ({ path: url.pathname }) });
const own = (event: { readonly request: Request; readonly locals: App.Locals }): string =>
	event.request.url;
const typed = defineConfig({ user: own });
const none = defineConfig({ preset: single() });

export const users: [
	Same<UserOf<{ config: typeof later }>, { id: string; role: 'admin' | 'guest' } | null>,
	Same<UserOf<{ config: typeof always }>, { path: string }>,
	Same<UserOf<{ config: typeof typed }>, string>,
	Same<unknown, UserOf<{ config: typeof none }>>,
	Same<UserOf<{ config: typeof always; user: 'mine' }>, 'mine'>
] = [true, true, true, true, true];

// @ts-expect-error it is asked with the event alone
defineConfig({ user: (event: RequestEvent, more: string) => more });

export const anew = live((ctx, text: string) => [ctx.path, text], { context: 'request' });
export const checked = live(schema, (_ctx, input) => input, { context: 'connection' });
export const followed = live.stream('topic', () => [{ id: 1 }], { context: 'request' });
// @ts-expect-error there are two
live(() => 1, { context: 'socket' });
