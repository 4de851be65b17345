/** An app that uses a bit of everything. What its modules share is a database to its instances. */

import * as v from 'valibot';
import { live, LiveError } from 'svelte-realtime';
import type {} from 'svelte-realtime/plugins/lock';
import type {} from 'svelte-realtime/plugins/session';
import type {} from 'svelte-realtime/plugins/dedup';
import type {} from 'svelte-realtime/plugins/ratelimit';
import type {} from 'svelte-realtime/plugins/throttle';
import type {} from 'svelte-realtime/plugins/debounce';
import type {} from 'svelte-realtime/plugins/identity';
import type {} from 'svelte-realtime/plugins/signals';

export interface Row {
	readonly id: number;
	readonly text: string;
}

export interface User {
	readonly id: string;
	readonly name: string;
}

const NewRow = v.object({ id: v.number(), text: v.string() });

/** What a database would have, and what was done. */
export interface Shared {
	rows: Row[];
	total: number;
	readonly done: string[];
	/** Ends the work that holds the lock. */
	release: (() => void)[];
}

export const emptyShared = (): Shared => ({ rows: [], total: 0, done: [], release: [] });

/** @param instance What this instance calls itself in `shared.done`. */
export function parityModules(shared: Shared, instance: string) {
	const done = (what: string): void => void shared.done.push(what);

	return {
		calls: {
			echo: live((_ctx, value: unknown) => value),
			refuse: live(() => {
				throw new LiveError('CONFLICT', 'Taken.');
			}),
			count: live(() => (shared.total += 1))
		},
		rows: {
			add: live((ctx, row: Row) => {
				shared.rows = [...shared.rows, row];
				return ctx.publish('rows', 'created', row);
			}),
			rename: live((ctx, id: number, text: string) => {
				shared.rows = shared.rows.map((row) => (row.id === id ? { id, text } : row));
				return ctx.publish('rows', 'updated', { id, text });
			}),
			remove: live((ctx, id: number) => {
				shared.rows = shared.rows.filter((row) => row.id !== id);
				return ctx.publish('rows', 'deleted', { id });
			}),
			crud: live.stream('rows', () => shared.rows, { merge: 'crud' }),
			latest: live.stream('rows', () => shared.rows, { merge: 'latest', max: 2 }),
			say: live((ctx, value: number) => ctx.publish('value', 'set', value)),
			value: live.stream('value', () => 0, { merge: 'set' }),
			number: live.derived(['rows'], () => shared.rows.length),
			sums: live.aggregate('value', {
				sum: { init: 0, reduce: (sum: number, _event, value: number) => sum + value }
			}),
			mailed: live.effect('rows', (event) => done(`effect ${event}`))
		},
		people: {
			here: live.presence('people', { data: ({ user }) => user as never as User | null }),
			pointers: live.cursors('people', { user: ({ user }) => user && { name: user.name } }),
			tell: live((ctx, user: string, text: string) => ctx.signal(user, 'told', text)),
			signOut: live((ctx, user: string) => ctx.identity.revoke({ user })),
			club: live.group('club', {
				roles: ['admin', 'member'],
				role: ({ user }) => (user?.name === 'Ada' ? 'admin' : 'member'),
				data: ({ user }) => ({ name: user?.name }),
				max: 2,
				events: { said: null, whispered: null },
				publish: ['said']
			})
		},
		board: {
			board: live.room({
				topic: (_ctx: unknown, id: string) => `board:${id}`,
				init: () => shared.rows,
				presence: { data: ({ user }) => user as never as User | null },
				cursors: { user: ({ user }) => user && { name: user.name } },
				actions: {
					add: live.room.action(NewRow, (ctx, _id: string, row: Row) => {
						shared.rows = [...shared.rows, row];
						return ctx.publish('created', row);
					})
				}
			})
		},
		tools: {
			knock: live((ctx, key: string) => ctx.ratelimit.take(key, { points: 3, window: 60_000 })),
			hold: live((ctx, what: string) =>
				ctx.lock('one at a time', async () => {
					done(`${what} begins`);
					await new Promise<void>((resolve) => shared.release.push(resolve));
					done(`${what} ends`);
					return what;
				})
			),
			keep: live((ctx, value: string) => ctx.session.set('cart', value)),
			kept: live((ctx) => ctx.session.get('cart')),
			pay: live((ctx, id: string) => ctx.dedup.once(id, () => done(`paid ${id}`))),
			burst: live((ctx) => {
				for (let value = 1; value <= 20; value += 1) {
					void ctx.throttle('throttled', 'set', value, 500);
					void ctx.debounce('debounced', 'set', value, 500);
				}
			}),
			throttled: live.stream('throttled', () => 0, { merge: 'set' }),
			debounced: live.stream('debounced', () => 0, { merge: 'set' }),
			ticks: live.stream('ticks', () => 0, { merge: 'set' }),
			tick: live.cron('* * * * * *', 'ticks', () => (shared.total += 1)),
			where: live(() => instance)
		}
	};
}
