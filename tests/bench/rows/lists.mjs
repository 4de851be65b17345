/**
 * What a page does with a long list: a client of ours whose server is this file, against the least
 * that gives the same list.
 */

import assert from 'node:assert/strict';
import { alternate, compare } from '../compare.mjs';

const SIZE = 10_000;
const TURNS = 20;
/** Events of one frame. */
const BURST = 1000;

const row = (id) => ({ id, author: 'Ada', text: 'Hello everyone, this is a message.' });
const rows = () => Array.from({ length: SIZE }, (_, id) => row(id));

/** @type {import('../run.mjs').Row} */
export const mergeCrud = {
	name: 'merge-crud',
	unit: 'events per second of CPU',
	async measure({ calibrate, say }) {
		const control = byHand();
		const ours = calibrate ? byHand() : await byClient();
		const sides = { ours: () => burst(ours), control: () => burst(control) };
		const rate = compare(await alternate(sides, { turns: TURNS, say }), (round) => round.rate);
		if (!calibrate) assert.deepEqual(ours.value(), control.value());
		const gates = { 'ratio >= 0.5': rate.ratio >= 0.5 };
		return { ...rate, gates };
	}
};

/** @type {import('../run.mjs').Row} */
export const optimistic = {
	name: 'optimistic',
	unit: 'µs of CPU an operation; the control is one copy of the list',
	async measure({ calibrate, say }) {
		const page = await followed();
		page.stream.optimistic('updated', row(1));
		const list = rows();
		const copies = () => {
			for (let n = 0; n < 100; n++) kept = list.slice();
		};
		const operations = async () => {
			for (let n = 0; n < 100; n++) await operation(page, n);
		};
		const sides = {
			ours: () => cost(calibrate ? copies : operations),
			control: () => cost(copies)
		};
		const spent = compare(await alternate(sides, { turns: TURNS, say }), (round) => round.cost);
		const copied = await copiesOf(await followed());
		return {
			...spent,
			copies: copied,
			gates: { 'ratio <= 4': spent.ratio <= 4, 'one copy a frame': copied === 1 }
		};
	}
};

/** Where results go, so that no engine leaves out what nobody looks at. */
let kept;

// --- events ---

/** The events of one frame: mostly changes, some items that are new and as many that go. */
function eventsFrom(first) {
	return Array.from({ length: BURST }, (_, n) => {
		const id = first + n;
		if (n % 10 === 8) return { event: 'created', data: row(SIZE + id) };
		if (n % 10 === 9) return { event: 'deleted', data: { id: SIZE + id - 1 } };
		return { event: 'updated', data: row((id * 7919) % SIZE) };
	});
}

async function burst(side) {
	const events = eventsFrom((side.turns = (side.turns ?? 0) + 1) * BURST);
	const prepared = side.prepare(events);
	const since = process.cpuUsage();
	await side.apply(prepared);
	kept = side.value();
	return { rate: BURST / seconds(since) };
}

/** A map of the items and an array of their order, as one would write it for one page. */
function byHand() {
	const items = new Map(rows().map((item) => [item.id, item]));
	const order = [...items.keys()];
	let value = [];
	return {
		prepare: (events) => JSON.stringify(events),
		apply(text) {
			for (const { event, data } of JSON.parse(text)) {
				if (event === 'deleted') {
					if (items.delete(data.id)) order.splice(order.indexOf(data.id), 1);
				} else if (items.has(data.id)) items.set(data.id, data);
				else if (event === 'created') {
					items.set(data.id, data);
					order.push(data.id);
				}
			}
			value = order.map((id) => items.get(id));
		},
		value: () => value
	};
}

async function byClient() {
	const page = await followed();
	return {
		prepare: (events) => page.recovered(events),
		async apply(text) {
			page.deliver(text);
			await undefined;
		},
		value: () => page.stream.current
	};
}

// --- operations ---

/**
 * Shows a change, and hears of the event that it came to, while another change goes on being shown:
 * so it is laid over the new value. Readers see both.
 */
async function operation({ stream, deliver, next }, n) {
	const item = row((n * 7919) % SIZE);
	const { id } = stream.optimistic('updated', item);
	await undefined;
	deliver(next('updated', item, id));
	await undefined;
}

async function cost(work) {
	const since = process.cpuUsage();
	await work();
	return { cost: (seconds(since) * 1e6) / 100 };
}

/** How often a list is copied for a frame of many events. */
async function copiesOf({ stream, deliver, recovered }) {
	const { slice } = Array.prototype;
	const text = recovered(eventsFrom(1e6));
	let copies = 0;
	Array.prototype.slice = function (...range) {
		if (this.length >= SIZE) copies += 1;
		return Reflect.apply(slice, this, range);
	};
	try {
		deliver(text);
		await undefined;
		kept = stream.current;
	} finally {
		Array.prototype.slice = slice;
	}
	return copies;
}

// --- the client ---

/** A client that follows a long list, and what its server says. */
async function followed() {
	const { createClient } = await import('svelte-realtime/client');
	let socket;
	class Nowhere {
		onmessage = null;
		onclose = null;
		onerror = null;
		sent = [];
		constructor() {
			socket = this;
		}
		send(text) {
			this.sent.push(text);
		}
		close() {}
	}
	const client = createClient({ url: 'ws://bench', WebSocket: Nowhere, heartbeat: 0 });
	const stream = client.stream('bench/list');
	stream.subscribe((value) => (kept = value));
	const turn = () => new Promise((resolve) => setImmediate(resolve));
	const deliver = (text) => socket.onmessage({ data: text });
	while (!socket) await turn();
	deliver('{"type":"welcome","protocol":1,"connection":"c","limits":{"message":65536,"batch":50}}');
	while (!socket.sent.some((text) => text.includes('"stream"'))) await turn();
	let id = 1;
	let seq = 0;
	const head = () => ({
		id,
		topic: 't',
		epoch: 'e',
		merge: 'crud',
		key: 'id',
		prepend: false,
		max: 0
	});
	deliver(JSON.stringify({ type: 'stream:snapshot', ...head(), seq, data: rows() }));
	await turn();
	assert.equal(stream.current.length, SIZE);
	return {
		stream,
		deliver,
		/** The next event of the topic, perhaps the outcome of an operation. */
		next: (event, data, op) =>
			JSON.stringify({ type: 'event', topic: 't', event, data, seq: (seq += 1), op }),
		/** Many events in one frame. */
		recovered(events) {
			const numbered = events.map((entry) => ({ ...entry, seq: (seq += 1) }));
			return JSON.stringify({ type: 'stream:recovered', ...head(), seq, events: numbered });
		}
	};
}

function seconds(since) {
	const { user, system } = process.cpuUsage(since);
	return (user + system) / 1e6;
}
