/**
 * Streams that come back and have missed 20 frames, against running their loader of 100 rows again:
 * two kernels in this process, on sockets that go nowhere.
 */

import assert from 'node:assert/strict';
import { alternate, compare } from '../compare.mjs';

const STREAMS = 50;
const MISSED = 20;
const ROWS = 100;
const TURNS = 20;
/** Messages of one turn; each asks for every stream. */
const MESSAGES = 20;

/** @type {import('../run.mjs').Row} */
export const resume = {
	name: 'resume',
	unit: 'streams resumed per second of CPU',
	async measure({ calibrate, say }) {
		const resumed = await returning(calibrate ? 'stream:snapshot' : 'stream:recovered');
		const loaded = await returning('stream:snapshot');
		const sides = { ours: () => turn(resumed), control: () => turn(loaded) };
		const row = compare(await alternate(sides, { turns: TURNS, say }), (round) => round.perSecond);
		return { ...row, gates: { 'ratio >= 1.5': row.ratio >= 1.5 } };
	}
};

/** A connection that asks for its streams again; as `expected` says, from a position or anew. */
async function returning(expected) {
	const { createKernel, live } = await import('svelte-realtime');
	const { single } = await import('svelte-realtime/presets');
	const transport = { name: 'nowhere', publish: () => true, subscribers: () => 0 };
	const kernel = createKernel({ plugins: single(), transport });
	await kernel.start();

	const row = (id) => ({
		id,
		author: 'Ada',
		text: 'Hello everyone, this is a message.',
		done: false
	});
	// What a loader does at the least: a database would take longer.
	const list = live.stream(
		(ctx, n) => `list:${n}`,
		async () => Array.from({ length: ROWS }, (_, id) => row(id))
	);
	kernel.use('rpc').mount({ bench: { list } });

	let answers = [];
	let done = () => {};
	const socket = {
		bufferedBytes: 0,
		send(text) {
			if (answers.push(text) === STREAMS) done();
			return 'sent';
		},
		subscribe() {},
		unsubscribe() {},
		publish: () => true,
		cork: (work) => work(),
		close() {}
	};
	const connection = kernel.open(socket, {});
	const { epoch } = (await kernel.use('replay').follow('list:0')).head();
	for (let n = 0; n < STREAMS; n++) {
		for (let id = 0; id < MISSED; id++) kernel.publish(`list:${n}`, 'created', row(id));
	}

	const since = expected === 'stream:recovered' ? { since: { epoch, seq: 0 } } : {};
	const ids = Array.from({ length: STREAMS }, (_, id) => id);
	const ask = JSON.stringify(
		ids.map((id) => ({ type: 'stream', id, path: 'bench/list', args: [id], ...since }))
	);
	const leave = JSON.stringify(ids.map((id) => ({ type: 'stream:end', id })));

	async function come() {
		answers = [];
		const answered = new Promise((resolve) => (done = resolve));
		kernel.message(connection, ask, ask.length);
		await answered;
		kernel.message(connection, leave, leave.length);
		return answers;
	}
	for (const text of await come()) {
		const frame = JSON.parse(text);
		assert.equal(frame.type, expected);
		assert.equal((frame.events ?? frame.data).length, since.since ? MISSED : ROWS);
	}
	return come;
}

async function turn(come) {
	const since = process.cpuUsage();
	for (let i = 0; i < MESSAGES; i++) await come();
	const { user, system } = process.cpuUsage(since);
	return { perSecond: (STREAMS * MESSAGES) / ((user + system) / 1e6) };
}
