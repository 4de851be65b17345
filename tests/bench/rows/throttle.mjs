/**
 * 10 publishers that publish all the time and 90 that rarely do, on one topic throttled to 16 ms:
 * two loops in this process, on a transport that goes nowhere. The control is a bare Map of newest
 * values and one timer.
 */

import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { alternate, compare } from '../compare.mjs';

const TOPIC = 'bench:throttle';
const WINDOW = 16;
const FAST = 10;
const SLOW = 90;
/** Publishes of each fast one in a tick; of the slow ones one publishes. */
const BURST = 50;
const TICKS = 100;
const TURNS = 5;

/** @type {import('../run.mjs').Row} */
export const throttle = {
	name: 'throttle',
	unit: 'ns of CPU a publish',
	async measure({ calibrate, say }) {
		const control = bare();
		const ours = calibrate ? bare() : await throttled();
		const sides = { ours: () => turn(ours), control: () => turn(control) };
		const rounds = await alternate(sides, { turns: TURNS, say });
		const cost = compare(rounds, ({ cost }) => cost);
		const arrived = Math.min(...rounds.ours.map(({ arrived }) => arrived));
		const gates = { 'every last value': arrived === 1, 'ratio <= 5': cost.ratio <= 5 };
		return { ...cost, arrived, gates };
	}
};

/** What a transport was given, to be looked at after the time is taken. */
function collecting() {
	let texts = [];
	return {
		publish(text) {
			texts.push(text);
			return true;
		},
		take() {
			const taken = texts;
			texts = [];
			return taken.map((text) => JSON.parse(text).data);
		}
	};
}

async function throttled() {
	const { createKernel } = await import('svelte-realtime/kernel');
	const { throttle } = await import('svelte-realtime/plugins/throttle');
	const out = collecting();
	const kernel = createKernel({
		plugins: [throttle({ topics: { [TOPIC]: WINDOW } })],
		topics: { [TOPIC]: 'ephemeral' },
		transport: {
			name: 'nowhere',
			publish: (_topic, text) => out.publish(text),
			subscribers: () => 0
		}
	});
	await kernel.start();
	return { publish: (data) => void kernel.publish(TOPIC, 'move', data), take: out.take };
}

function bare() {
	const newest = new Map();
	const out = collecting();
	let timer;
	const flush = () => {
		timer = undefined;
		for (const data of newest.values()) {
			out.publish(JSON.stringify({ type: 'event', topic: TOPIC, event: 'move', data }));
		}
		newest.clear();
	};
	return {
		publish(data) {
			newest.set(data.key, data);
			timer ??= setTimeout(flush, WINDOW);
		},
		take: out.take
	};
}

async function turn({ publish, take }) {
	const last = new Map();
	let count = 0;
	const move = (key, n) => {
		publish({ key, x: n, y: -n });
		last.set(key, n);
		count++;
	};
	const since = process.cpuUsage();
	for (let tick = 0; tick < TICKS; tick++) {
		for (let n = 0; n < BURST; n++) {
			for (let i = 0; i < FAST; i++) move(`fast ${i}`, tick * BURST + n);
		}
		move(`slow ${tick % SLOW}`, tick);
		await wait(1);
	}
	await wait(3 * WINDOW);
	const { user, system } = process.cpuUsage(since);

	const frames = take();
	const arrived = new Map(frames.map(({ key, x }) => [key, x]));
	const right = [...last].filter(([key, n]) => arrived.get(key) === n).length;
	assert.ok(frames.length < count / 10, 'Both sides coalesce.');
	return { cost: ((user + system) * 1000) / count, arrived: right / last.size };
}
