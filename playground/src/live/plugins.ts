/** One small use of each plugin, for the page that shows them at work. */

import { setTimeout } from 'node:timers/promises';
import * as v from 'valibot';
import { live } from 'svelte-realtime';
import { Point } from '$lib/server/schemas';
import { COUNTERS } from '$lib/server/counters';

/** What the server has counted. */
export const counts = live.stream(COUNTERS, (ctx) => ctx.counters.read(), { merge: 'set' });

// --- throttle, debounce ---

/** Publishes twenty values at once, by way of both. */
export const burst = live((ctx) => {
	for (let value = 1; value <= 20; value++) {
		void ctx.throttle('plugins:throttled', 'set', value, 500);
		void ctx.debounce('plugins:debounced', 'set', value, 500);
	}
	ctx.counters.count('burst', 20);
});

export const throttled = live.stream('plugins:throttled', () => 0, { merge: 'set' });
export const debounced = live.stream('plugins:debounced', () => 0, { merge: 'set' });

// --- ratelimit ---

/** Five at once, then one every two seconds. */
export const knock = live((ctx) =>
	ctx.ratelimit.take(`knock:${ctx.user?.id}`, { points: 5, window: 10_000 })
);

// --- queue, lock ---

let finished = 0;

/** Waits for its turn, and says which one it was. */
export const work = live((ctx) =>
	ctx.queue.push('plugins', async (signal) => {
		await setTimeout(150, undefined, { signal });
		return (finished += 1);
	})
);

/** Has something to itself for a while, and says how many milliseconds it has waited for that. */
export const hold = live((ctx) => {
	const asked = performance.now();
	return ctx.lock(
		'plugins',
		async (signal) => {
			const waited = Math.round(performance.now() - asked);
			await setTimeout(400, undefined, { signal });
			return waited;
		},
		{ maxWait: 600 }
	);
});

// --- presence, cursors ---

export const here = live.presence('plugins', { data: ({ user }) => user && { ...user } });

export const pointers = live.cursors('plugins', {
	data: Point,
	user: ({ user }) => user && { name: user.name, hue: user.hue }
});

/** Moves a pointer that is no visitor's. */
export const wander = live((ctx) => {
	const data = { x: Math.random(), y: Math.random() };
	ctx.cursors.move('plugins', { key: 'server', user: { name: 'Server', hue: 210 }, data });
});

// --- session, dedup ---

/** Counts by visitor, for as long as they keep coming. */
export const visit = live(async (ctx) => {
	const id = `visits:${ctx.user?.id}`;
	const visits = ((await ctx.session.get<number>(id)) ?? 0) + 1;
	await ctx.session.set(id, visits);
	return visits;
});

/** Books a payment once, however often it is told. */
export const pay = live(v.object({ id: v.pipe(v.string(), v.uuid()) }), (ctx, { id }) =>
	ctx.dedup.once(`payment:${id}`, () => {
		ctx.counters.count('booked');
		return 'booked';
	})
);

// --- replay, channels ---

/** Publishes to a topic that is logged, and says where it stands since. */
export const note = live(async (ctx) => ctx.publish('plugins:log', 'created', { at: Date.now() }));

/** Clients may roll; only what a die can show comes through. */
export const dice = live.channel('plugins:dice', {
	events: {
		rolled: v.object({ eyes: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(6)) })
	},
	publish: ['rolled'],
	merge: 'latest',
	max: 8
});

// --- groups ---

/** A club of three, in two camps by the colour that somebody has. */
export const club = live.group('club', {
	roles: ['warm', 'cool'],
	role: ({ user }) => user && (user.hue < 90 || user.hue > 270 ? 'warm' : 'cool'),
	max: 3,
	events: { cheered: v.pipe(v.string(), v.maxLength(32)) },
	publish: ['cheered']
});
