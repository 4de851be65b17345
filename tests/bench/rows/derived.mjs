/**
 * 100,000 events a second on the source of one derived stream with debounce, for a second at a time:
 * two loops in this process, on a transport that goes nowhere. The control publishes the same where
 * nothing is derived.
 */

import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { alternate, compare } from '../compare.mjs';

const SOURCE = 'bench:orders';
const DEBOUNCE = 50;
/** Events of a tick, and ticks of a turn: one second. */
const BURST = 1000;
const TICKS = 100;
const TICK = 10;
const TURNS = 2;

/** @type {import('../run.mjs').Row} */
export const derived = {
	name: 'derived',
	unit: 'ns of CPU a source event',
	async measure({ calibrate, say }) {
		const control = await publishing(false);
		const ours = await publishing(!calibrate);
		const sides = { ours: () => turn(ours), control: () => turn(control) };
		const rounds = await alternate(sides, { turns: TURNS, say });
		const cost = compare(rounds, ({ cost }) => cost);
		const perSecond = Math.min(...rounds.ours.map(({ perSecond }) => perSecond));
		const gates = { 'ratio <= 2': cost.ratio <= 2 };
		return { ...cost, perSecond, gates };
	}
};

/** A kernel whose one follower of `bench/total` is told how many events there have been. */
async function publishing(isDerived) {
	const { createKernel, live } = await import('svelte-realtime');
	const { single } = await import('svelte-realtime/presets');
	let count = 0;
	let told = 0;
	const kernel = createKernel({
		plugins: single(),
		topics: { [SOURCE]: 'ephemeral' },
		transport: {
			name: 'nowhere',
			publish(topic, text) {
				if (topic === 'bench/total') told = JSON.parse(text).data;
				return true;
			},
			subscribers: () => 0
		}
	});
	await kernel.start();
	const total = live.derived([SOURCE], () => count, { debounce: DEBOUNCE });
	// An effect follows it as a client would, and keeps it going.
	const follow = live.effect('bench/total', () => {});
	if (isDerived) kernel.use('rpc').mount({ bench: { total, follow } });
	return {
		publish: () => void kernel.publish(SOURCE, 'created', { n: (count += 1) }),
		isLast: () => !isDerived || told === count
	};
}

async function turn({ publish, isLast }) {
	const begun = performance.now();
	const since = process.cpuUsage();
	for (let tick = 1; tick <= TICKS; tick++) {
		for (let n = 0; n < BURST; n++) publish();
		const rest = begun + tick * TICK - performance.now();
		if (rest > 0) await wait(rest);
	}
	const took = performance.now() - begun;
	await wait(4 * DEBOUNCE);
	const { user, system } = process.cpuUsage(since);
	assert.ok(isLast(), 'What was told last is the last value.');
	const count = TICKS * BURST;
	return {
		cost: ((user + system) * 1000) / count,
		perSecond: Math.round((count * 1000) / took)
	};
}
