/** Identity: who a connection belongs to, for how long that holds, and what ends it earlier. */

import { isDeepStrictEqual } from 'node:util';
import {
	definePlugin,
	HANDLED,
	RealtimeError,
	type Connection,
	type ConnectionData,
	type Denial,
	type MaybePromise,
	type Plugin,
	type UpgradeRequest
} from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/streams';
import { checkTime } from '../checks.ts';
import { createAges } from './ages.ts';
import { cookiesOf, type Cookies } from './cookies.ts';
import { Everywhere, inTurn, type SharedLog } from './everywhere.ts';
import { comeBack, Renewals } from './renewals.ts';
import { matcherOf, notForAll, toldOf, type RevokeOptions, type Whose } from './whose.ts';
import { Users, type RevokeMode, type UserId } from './users.ts';

export type { CookieOptions, Cookies } from './cookies.ts';
export type { UserId } from './users.ts';
export type { RevokeOptions, Whose } from './whose.ts';

/** A page that asks over HTTP before it connects. */
export interface AuthenticateEvent {
	readonly request: UpgradeRequest;
	/** Cookies that are set go out with the answer, and the `upgrade` gates see them already. */
	readonly cookies: Cookies;
}

export interface IdentityOptions {
	/**
	 * Milliseconds after which a connection has to say anew who it is: its client is asked for a token,
	 * or the `upgrade` gates about the cookies that it came with. @default for ever
	 */
	maxAge?: number;
	/** Milliseconds that client and gates have for that; until then it is who it was. @default 10000 */
	grace?: number;
	/** Keeps what each connection came with, so that `revoke()` can ask anew. @default with `maxAge` */
	inBand?: boolean;
	/**
	 * Runs before the `upgrade` gates where a page asks over HTTP before it connects, which it does with
	 * `configure({ auth: true })`; the place to refresh cookies.
	 */
	authenticate?: (event: AuthenticateEvent) => MaybePromise<void | Denial>;
}

/** Who connections belong to. */
export interface Identity {
	/**
	 * What was found out of somebody does not hold any more. Whoever is just connecting is meant too,
	 * where gates have begun that may have seen what is no longer so. Where instances share the log of
	 * topics, all of them hear of it, also those that cannot be reached at the moment.
	 *
	 * @returns how many open connections of this instance it was.
	 * @throws {RealtimeError} RT_OPTION_INVALID for a function that would be asked here only, without
	 * `local`.
	 */
	revoke(whose: Whose, options?: RevokeOptions): number;
	/**
	 * Somebody has signed in, or out (`undefined`), over the connection: from now on it is theirs, and
	 * what it follows is asked for again. `ctx.user` of what runs already stays as it is.
	 */
	set(connection: Connection, user: unknown): void;
	/** The open connections of a user on this instance; `registry` knows those of all. */
	connections(user: UserId): readonly Connection[];
	/** Tells of each open connection that belongs to another user now; the result ends it. */
	watch(listener: (connection: Connection) => void): () => void;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		identity: Identity;
	}
}

const REQUEST: unique symbol = Symbol.for('svelte-realtime.identity.request') as never;
const STAMP: unique symbol = Symbol.for('svelte-realtime.identity.stamp') as never;

interface Data extends ConnectionData {
	/** What the connection came with, where that is kept. */
	[REQUEST]?: UpgradeRequest;
	/** When its gates began, counted in revocations. */
	[STAMP]?: number;
}

/** Milliseconds from the answer of the gates to the connection. */
const OPENING = 5000;

/**
 * Knows whose connections are, lets an identity grow old, and revokes it.
 *
 * Needs nothing; uses `streams`, whose subscriptions are authorised again when a user changes.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when an option is not of its kind.
 * @example realtime.config.ts: preset: single({ identity: { maxAge: 15 * 60_000 } })
 */
export function identity(options: IdentityOptions = {}): Plugin<never, 'identity'> {
	const { maxAge, grace = 10_000, inBand = maxAge !== undefined, authenticate } = options;
	if (maxAge !== undefined) checkTime('maxAge', 'identity()', maxAge, 1);
	checkTime('grace', 'identity()', grace, 1);
	if (authenticate !== undefined && typeof authenticate !== 'function') {
		const what = ['authenticate', 'identity()', typeof authenticate, 'a function'] as const;
		throw new RealtimeError('RT_OPTION_INVALID', what);
	}

	return definePlugin({
		name: 'identity',
		optional: ['replay.log'],
		provides: ['identity'],
		setup(kernel) {
			const { clock, report, instanceId } = kernel;
			const memory = kernel.limits.upgradeTimeout + grace + OPENING;
			const users = new Users({ clock, memory, report });
			/** Those of whom the app has said who they are, not the gates. */
			const told = new WeakSet<Connection>();
			const listeners = new Set<(connection: Connection) => void>();
			const renewals = new Renewals({
				clock,
				grace,
				requestOf: ({ data }) => (data as Data)[REQUEST],
				isOfRequest: (connection) => !told.has(connection),
				stamp: () => users.stamp(),
				identify: (request) => kernel.identify(request, 'renewal'),
				found: take
			});
			const ages = createAges(clock, maxAge, (connection) => renewals.begin(connection));

			/** Makes a connection somebody's, who may be who it was before. */
			function become(connection: Connection, isSame: boolean, change: () => void): void {
				const swap = (): void => {
					users.remove(connection);
					change();
					if (connection.isOpen) users.add(connection);
				};
				const streams = kernel.find('streams');
				if (isSame || !streams) swap();
				if (connection.isOpen) ages.renew(connection);
				streams?.reauthorise(connection, isSame ? undefined : swap);
				if (isSame || !connection.isOpen) return;
				for (const tell of listeners) tell(connection);
			}

			function take(connection: Connection, data: ConnectionData, stamp: number): void {
				const isSame = isDeepStrictEqual(data.user, connection.data.user);
				told.delete(connection);
				become(connection, isSame, () => replace(connection.data, data));
				end(connection, users.revoked(connection, stamp));
			}

			function end(connection: Connection, mode: RevokeMode | undefined, reason?: string): void {
				if (mode === 'reauthorise') renewals.begin(connection);
				else if (mode) comeBack(connection, reason);
			}

			kernel.hook(
				'upgrade',
				(ctx) => {
					const data = ctx.data as Data;
					if (ctx.purpose === 'socket') data[STAMP] = users.stamp();
					const isKept = ctx.purpose === 'socket' || ctx.purpose === 'renewal';
					if (inBand && isKept) data[REQUEST] = ctx.request;
					if (ctx.purpose !== 'preflight') return;
					return authenticate?.({ request: ctx.request, cookies: cookiesOf(ctx) });
				},
				{ order: 'pre' }
			);

			kernel.hook(
				'open',
				({ connection }) => {
					const { [STAMP]: stamp } = connection.data as Data;
					users.add(connection);
					ages.renew(connection);
					if (stamp !== undefined) end(connection, users.revoked(connection, stamp));
				},
				{ order: 'pre' }
			);

			kernel.hook('close', ({ connection }) => {
				renewals.cancel(connection);
				ages.forget(connection);
				users.remove(connection);
			});

			kernel.hook(
				'message',
				({ connection, frame }) => {
					renewals.answer(connection, frame);
					return HANDLED;
				},
				{ type: 'identity:token', answers: false }
			);

			// Where the plugin is put into a server that runs, connections are there already.
			kernel.attach(() => {
				for (const connection of kernel.connections) {
					users.add(connection);
					ages.renew(connection);
				}
				return () => {};
			});

			function meant(whose: Whose): readonly Connection[] {
				if (typeof whose === 'function') return [...kernel.connections].filter(whose);
				if ('user' in whose) return users.of(whose.user);
				const { connection } = whose;
				if (typeof connection !== 'string') return [connection];
				if (!isOwn(connection)) return [];
				return [...kernel.connections].filter(({ id }) => id === connection);
			}

			/** The ids of connections begin with their instance. */
			const isOwn = (id: string): boolean => id.startsWith(`${instanceId}-`);

			function revoke(whose: Whose, { mode = 'close', except, reason }: RevokeOptions): number {
				const open = meant(whose).filter((one) => one.isOpen && one !== except);
				const matches = matcherOf(whose);
				if (matches) users.revoke((one) => one !== except && matches(one), mode);
				for (const connection of open) end(connection, mode, reason);
				return open.length;
			}

			const log = kernel.find('replay.log');
			const everywhere =
				log?.publish &&
				new Everywhere({
					kernel,
					log: log as SharedLog,
					heard: ({ whose, mode, reason }) =>
						void revoke(whose, { mode, ...(reason !== undefined && { reason }) }),
					missed() {
						// Whoever it was: all of them say anew who they are.
						users.revoke(() => true, 'reauthorise');
						inTurn(clock, kernel.connections, (connection) => end(connection, 'reauthorise'));
					}
				});

			kernel.provide('identity', {
				revoke(whose, options = {}) {
					const { mode = 'close', reason, local = false } = options;
					if (everywhere && !local) {
						if (typeof whose === 'function') throw notForAll();
						const told = toldOf(whose, isOwn);
						if (told) everywhere.tell({ whose: told, mode, reason });
					}
					return revoke(whose, options);
				},
				set(connection, user) {
					renewals.cancel(connection);
					told.add(connection);
					const isSame = isDeepStrictEqual(user, connection.data.user);
					become(connection, isSame, () => {
						if (user === undefined || user === null) delete connection.data.user;
						else connection.data.user = user;
					});
				},
				connections: (user) => users.of(user),
				watch(listener) {
					// In a function of its own, since one may listen twice.
					const tell = (connection: Connection): void => listener(connection);
					listeners.add(tell);
					return () => void listeners.delete(tell);
				}
			});
		}
	});
}

/** What the gates have left takes the place of what they left before; plugins keep theirs, under symbols. */
function replace(data: ConnectionData, fresh: ConnectionData): void {
	for (const name of Object.keys(data)) if (!(name in fresh)) delete data[name as 'user'];
	Object.assign(data, fresh);
}
