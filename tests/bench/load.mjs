/** The load: a process that holds many connections, makes calls, and counts what it receives. */

import { answer } from './process.mjs';
import { RawConnection, textFrame } from './raw-connection.mjs';

/** Digits of a call's id, so that the next id can be written over the last one. */
const ID_DIGITS = 7;
const FIRST_ID = 10 ** (ID_DIGITS - 1);
/** Connections that are opened at once: more overflow the server's queue of new ones. */
const OPENING = 50;

/** @type {RawConnection[]} */
let connections = [];
/** Connections that were opened, so that each can be told apart. */
let opened = 0;
/** @type {ReturnType<typeof receive> | undefined} */
let receiving;

answer({ connect, probe, call, arm, received, move, leave });

/**
 * Opens connections; where `first` is given each one sends it, with its number in place of `#`, and
 * where `until` is given waits for a frame that holds that.
 *
 * @param {{ port: number, path: string, count: number, first?: string, until?: string, from?: string, cookie?: string, together?: number }} options
 * `from`: the address of this machine that they come from; `cookie`: with its number in place of `#`;
 * `together`: how many are opened at once.
 */
async function connect({ port, path, count, first, until, from, cookie, together = OPENING }) {
	const open = async () => {
		const number = String(++opened);
		const target = { port, path, from, cookie: cookie?.replace('#', number) };
		const connection = new RawConnection(target);
		const ready = until === undefined ? undefined : frameWith(connection, until);
		await connection.opened;
		if (first !== undefined) connection.send(textFrame(first.replace('#', number)));
		await ready;
		connection.reads = false;
		return connection;
	};
	while (connections.length < count) {
		const some = Math.min(together, count - connections.length);
		connections.push(...(await Promise.all(Array.from({ length: some }, open))));
	}
}

/** Ends all connections. */
function leave() {
	for (const connection of connections.splice(0)) connection.end();
}

/** Sends one frame and returns the text of the answer that holds `until`. */
async function probe({ text, until }) {
	const [connection] = connections;
	const frame = frameWith(connection, until);
	connection.reads = true;
	connection.send(textFrame(text));
	const found = await frame;
	connection.reads = false;
	return found;
}

function frameWith(connection, part) {
	return new Promise((resolve, reject) => {
		connection.onError = reject;
		connection.onFrame = (payload) => {
			const text = payload?.toString() ?? '';
			if (text.includes(part)) resolve(text);
		};
	});
}

/**
 * Each connection calls, and calls again when it has its answer, for `ms` milliseconds; every
 * call that was made is answered before this resolves. As a client does, every 16th says that the
 * answers of those before it have arrived.
 *
 * @param {{ text: string, ms: number }} options `text` holds the id `1000000`.
 */
async function call({ text, ms }) {
	const digits = String(FIRST_ID);
	const acknowledging = `${text.slice(0, -1)},"done":${digits}}`;
	const idAt = textFrame(text).indexOf(digits);
	const idAtToo = textFrame(acknowledging).indexOf(digits);
	const doneAt = textFrame(acknowledging).lastIndexOf(digits);
	const started = process.hrtime.bigint();
	let calls = 0;
	let running = connections.length;
	let isOver = false;
	const timer = setTimeout(() => (isOver = true), ms);
	await new Promise((resolve, reject) => {
		for (const connection of connections) {
			const frame = textFrame(text);
			const every16th = textFrame(acknowledging);
			connection.lastId ??= FIRST_ID;
			const send = () => {
				const id = ++connection.lastId;
				if (id % 16 === 0) {
					writeDigits(every16th, idAtToo, id);
					writeDigits(every16th, doneAt, id - 1);
					connection.send(every16th);
				} else {
					writeDigits(frame, idAt, id);
					connection.send(frame);
				}
			};
			connection.onError = reject;
			connection.onFrame = () => {
				calls++;
				if (isOver) {
					if (--running === 0) resolve();
					return;
				}
				send();
			};
			send();
		}
	});
	clearTimeout(timer);
	return { calls, seconds: Number(process.hrtime.bigint() - started) / 1e9 };
}

function writeDigits(frame, at, number) {
	for (let i = at + ID_DIGITS - 1, rest = number; i >= at; i--) {
		frame[i] = 48 + (rest % 10);
		rest = (rest / 10) | 0;
	}
}

/**
 * Begins to count frames: `each` of them on every connection.
 *
 * @param {{ each: number, readers: number, polls?: boolean, timeout: number }} options `readers`:
 * how many connections read their frames and take the age of `"at"`. `polls`: never sleep.
 */
function arm(options) {
	receiving = receive(options);
	// The question of `received` comes later; a failure before it must not end the process.
	receiving.catch(() => {});
}

function received() {
	return receiving;
}

async function receive({ each, readers, polls = false, timeout }) {
	const counts = new Uint32Array(connections.length);
	const every = Math.max(1, Math.floor(connections.length / readers));
	const ages = [];
	let sample = '';
	let done = 0;
	let poll = polls
		? setImmediate(function again() {
				poll = setImmediate(again);
			})
		: undefined;
	await new Promise((resolve, reject) => {
		const timer = setTimeout(resolve, timeout);
		connections.forEach((connection, index) => {
			connection.onError = reject;
			connection.reads = index % every === 0;
			connection.onFrame = (payload) => {
				if (payload !== undefined) {
					ages.push(ageOf(payload));
					sample ||= payload.toString();
				}
				// Frames that come twice come soon: they are counted for 50 ms more.
				if (++counts[index] === each && ++done === connections.length) {
					clearTimeout(timer);
					setTimeout(resolve, 50);
				}
			};
		});
	});
	clearImmediate(poll);
	ages.sort((a, b) => a - b);
	const at = (share) => ages[Math.min(ages.length - 1, Math.floor(ages.length * share))] / 1000;
	return {
		delivered: counts.reduce((sum, count) => sum + count, 0),
		fewest: Math.min(...counts),
		most: Math.max(...counts),
		p50: at(0.5),
		p99: at(0.99),
		last: at(1),
		sample
	};
}

/**
 * Each connection moves its cursor, `rate` times a second, for `ms` milliseconds; all of them evenly
 * spread. What is left to come in is waited for.
 *
 * @param {{ rate: number, ms: number }} options
 * @returns {Promise<{ moves: number, frames: number, bytes: number, fewest: number, sample: string }>}
 * `fewest`: frames of the connection that had the fewest.
 */
async function move({ rate, ms }) {
	const frames = new Uint32Array(connections.length);
	const before = connections.map(({ received }) => received);
	let sample = '';
	let moves = 0;
	await new Promise((resolve, reject) => {
		connections.forEach((connection, index) => {
			connection.onError = reject;
			// One reads what there is: the bytes that the server sends are compared.
			connection.reads = index === 0;
			connection.onFrame = (payload) => {
				frames[index]++;
				if (payload?.length > sample.length) sample = payload.toString();
			};
		});
		const each = 1000 / rate / connections.length;
		const started = performance.now();
		const step = () => {
			const elapsed = Math.min(performance.now() - started, ms);
			for (; moves * each < elapsed; moves++) {
				const data = { x: 100 + (moves % 900), y: 100 + (moves % 800) };
				const frame = JSON.stringify({ type: 'cursors:move', id: 1, data });
				connections[moves % connections.length].send(textFrame(frame));
			}
			if (elapsed < ms) setTimeout(step, 1);
			else setTimeout(resolve, 100);
		};
		step();
	});
	connections[0].reads = false;
	const sum = (list) => list.reduce((total, one) => total + one, 0);
	return {
		moves,
		frames: sum([...frames]),
		fewest: Math.min(...frames),
		bytes: sum(connections.map(({ received }, index) => received - before[index])),
		sample
	};
}

/** Microseconds since the frame was made; `process.hrtime` is one clock for all processes of a machine. */
function ageOf(payload) {
	const at = payload.indexOf('"at":') + 5;
	let made = 0;
	for (let i = at; payload[i] >= 48 && payload[i] <= 57; i++) made = made * 10 + payload[i] - 48;
	const [seconds, nanoseconds] = process.hrtime();
	return seconds * 1e6 + nanoseconds / 1e3 - made;
}
