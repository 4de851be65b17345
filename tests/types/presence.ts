/** What must compile, and what must not, with `live.presence`. Checked by tsc; nothing here runs. */

import * as v from 'valibot';
import { live, type Member } from 'svelte-realtime';
import type { PresenceStore, Seed, Stub } from 'svelte-realtime/client';

const state = v.object({ typing: v.optional(v.boolean(), false) });

export const plain = live.presence('lobby');
export const named = live.presence('lobby', { data: () => ({ name: 'Ada' }), state });
export const board = live.presence((_ctx, id: string, _limit?: number) => `board:${id}`, {
	guard: (_ctx, id) => id.length > 0,
	data: async (_ctx, id) => (id === 'x' ? null : { at: id.length }),
	state
});

// @ts-expect-error a topic is a name or a function
live.presence(1);
// @ts-expect-error the topic is made at once
live.presence(async (_ctx, id: string) => id);
// @ts-expect-error a schema checks what members say
live.presence('lobby', { state: { typing: true } });
// @ts-expect-error there is no such option
live.presence('lobby', { heartbeat: 1 });

declare const lobby: Stub<typeof plain>;
declare const who: Stub<typeof named>;
declare const boards: Stub<typeof board>;
declare const event: { request: Request; url: URL; getClientAddress(): string; locals: object };

export async function stubs(): Promise<void> {
	const members: readonly Member<{ name: string }, { typing: boolean }>[] = (await who) ?? [];
	const name: string | undefined = members[0]?.data.name;
	const typing: boolean | undefined = who.current?.[0]?.state?.typing;
	const key: string | undefined = who.me;
	await who.update({ typing: true });
	await who.update({});
	await who.update(null);
	// @ts-expect-error typing is true or false
	await who.update({ typing: 'yes' });
	// @ts-expect-error without a schema members say nothing
	await lobby.update({ typing: true });
	// @ts-expect-error of a name nothing is known there
	void lobby.current?.[0]?.data.password;
	const one: PresenceStore<readonly Member<{ at: number }, { typing: boolean }>[], object> = boards(
		'a',
		3
	) as never;
	const at: number | undefined = boards('a').current?.[0]?.data.at;
	// @ts-expect-error which board?
	void boards.current;
	// @ts-expect-error a board has a name
	void boards(1);
	const seed: Seed<readonly Member<{ at: number }, { typing: boolean }>[]> = await boards.load(
		event,
		'a'
	);
	await boards.hydrate(seed).update({ typing: true });
	void [name, typing, key, one, at];
}
