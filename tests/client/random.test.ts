import { expect, test } from 'vitest';
import type { Position } from 'svelte-realtime/client';
import { bench, MERGE, settle, type FakeSocket, type Received } from './fake-server.ts';

/** A generator of numbers from 0 up to 1 that a seed determines (mulberry32). */
function seeded(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
}

interface Item {
	readonly id: number;
	readonly text: number;
}
interface Entry {
	readonly event: string;
	readonly data: Item;
	readonly seq: number;
}
interface Loading {
	readonly frame: Received;
	readonly socket: FakeSocket;
	readonly position: Position;
	/** The rows at a moment after the position was read: they may hold later events already. */
	rows: Item[] | undefined;
}

/** Numbered entries of the log that are kept. */
const KEPT = 12;

/** A model of one topic on a server: a list of rows, a log, and the hand-over of the protocol. */
class Model {
	rows: Item[] = [];
	epoch: string = '';
	seq: number = 0;
	log: Entry[] = [];
	readonly loading: Set<Loading> = new Set();
	readonly live: Map<FakeSocket, Set<number>> = new Map();
	readonly #read: Map<FakeSocket, number> = new Map();
	readonly #random: () => number;
	#generation = 0;
	#forgotten = false;

	constructor(random: () => number) {
		this.#random = random;
	}

	/** Changes a row and tells the followers; a lossy publish may fail to reach one of them. */
	publish(lossy: boolean): void {
		const known = this.rows[Math.floor(this.#random() * this.rows.length)];
		const event = known
			? ['created', 'updated', 'deleted'][Math.floor(this.#random() * 3)]!
			: 'created';
		const id = known && this.#random() < 0.8 ? known.id : Math.floor(this.#random() * 30);
		const data = { id, text: Math.floor(this.#random() * 1e6) };
		const index = this.rows.findIndex((row) => row.id === id);
		if (event === 'deleted') this.rows = this.rows.filter((row) => row.id !== id);
		else if (index >= 0) this.rows = this.rows.map((row) => (row.id === id ? data : row));
		else if (event === 'created') this.rows = [...this.rows, data];

		const begins = this.seq === 0;
		if (begins) this.epoch = `e${(this.#generation += 1)}`;
		this.seq += 1;
		this.log = [...this.log, { event, data, seq: this.seq }].slice(-KEPT);
		const frame = { type: 'event', topic: 't', event, data, seq: this.seq };
		for (const socket of this.live.keys()) {
			if (!begins && lossy && this.#random() < 0.1) continue;
			socket.deliver(begins ? { ...frame, epoch: this.epoch } : frame);
			if (this.#random() < 0.1) socket.deliver(frame);
		}
	}

	/** Sends an old event again, as no server should. */
	repeat(): void {
		const entry = this.log[Math.floor(this.#random() * this.log.length)];
		for (const socket of this.live.keys()) {
			if (entry) socket.deliver({ type: 'event', topic: 't', ...entry });
		}
	}

	/** Reads what a socket has sent since. */
	receive(socket: FakeSocket): void {
		const from = this.#read.get(socket) ?? 0;
		const frames = socket.frames;
		this.#read.set(socket, frames.length);
		for (const frame of frames.slice(from)) {
			if (frame.type === 'stream') {
				this.loading.add({
					frame,
					socket,
					position: { epoch: this.epoch, seq: this.seq },
					rows: undefined
				});
			} else {
				for (const entry of this.loading) {
					if (entry.socket === socket && entry.frame.id === frame.id) this.loading.delete(entry);
				}
				const ids = this.live.get(socket);
				ids?.delete(frame.id);
				if (ids?.size === 0) this.live.delete(socket);
			}
		}
	}

	/** Takes one loading stream a step further: the loader reads, or the stream is handed over. */
	advance(all: boolean): void {
		for (const entry of this.loading) {
			if (!all && this.#random() < 0.5) continue;
			if (entry.rows === undefined) entry.rows = this.rows;
			else this.#handOver(entry);
		}
	}

	#handOver({ frame, socket, position, rows }: Loading): void {
		const { since } = frame;
		const after = (seq: number): Entry[] => this.log.filter((entry) => entry.seq > seq);
		// A topic without a past is continued by its first log only: with a log that is lost, events
		// went that nobody can name any more.
		const covers = ({ epoch, seq }: Position): boolean =>
			(epoch === this.epoch || (epoch === '' && !this.#forgotten)) &&
			after(seq).length === this.seq - seq;
		const head = { id: frame.id, topic: 't', ...MERGE, epoch: this.epoch };
		if (since && covers(since)) {
			const events = after(since.seq);
			socket.deliver({ type: 'stream:recovered', ...head, seq: this.seq, events });
		} else if (covers(position)) {
			const events = after(position.seq);
			socket.deliver({ type: 'stream:snapshot', ...head, seq: position.seq, data: rows, events });
		} else {
			socket.deliver({ type: 'stream:snapshot', ...head, seq: this.seq, data: this.rows });
		}
		for (const entry of this.loading) {
			if (entry.socket === socket && entry.frame === frame) this.loading.delete(entry);
		}
		const ids = this.live.get(socket) ?? new Set();
		this.live.set(socket, ids.add(frame.id));
	}

	/** Forgets a socket that is gone. */
	drop(socket: FakeSocket): void {
		this.live.delete(socket);
		for (const entry of this.loading) if (entry.socket === socket) this.loading.delete(entry);
	}

	/** Loses the log, as a restart of the server or of a store does; the rows are in a database. */
	restart(): void {
		this.#forgotten ||= this.seq > 0;
		this.log = [];
		this.seq = 0;
		this.epoch = '';
	}
}

test('whatever is lost, doubled, repeated or cut off, a stream comes to the value of the server', async () => {
	for (let seed = 1; seed <= 150; seed += 1) {
		const random = seeded(seed);
		const model = new Model(random);
		const { client, clock, sockets } = bench({ random });
		const stub = client.stream('s');
		const values: unknown[] = [];
		const leave: (() => void)[] = [];
		const join = (n: number): void => {
			leave[n] = stub(n).subscribe((value) => (values[n] = value));
		};
		const turn = async (): Promise<void> => {
			await settle();
			const socket = sockets.at(-1)!;
			if (client.connection.status !== 'open' && socket.closedWith === undefined) socket.welcome();
			await settle();
			model.receive(socket);
		};
		const cut = (): void => {
			const socket = sockets.at(-1)!;
			if (socket.closedWith !== undefined) return;
			model.drop(socket);
			socket.end();
		};
		for (let n = 0; n < 3; n += 1) join(n);

		for (let step = 0; step < 60; step += 1) {
			await turn();
			const dice = random();
			if (dice < 0.53) model.publish(true);
			else if (dice < 0.78) model.advance(false);
			else if (dice < 0.83) model.repeat();
			else if (dice < 0.88) cut();
			else if (dice < 0.91) {
				if (random() < 0.5) cut();
				model.restart();
			} else if (dice < 0.95) {
				const n = Math.floor(random() * 3);
				leave[n]!();
				if (random() < 0.5) await settle();
				join(n);
			} else await clock.advance(1000);
		}

		for (let round = 0; round < 8; round += 1) {
			await clock.advance(10_000);
			for (let i = 0; i < 4; i += 1) {
				await turn();
				model.advance(true);
			}
			model.publish(false);
		}
		await turn();
		model.advance(true);
		// By id: rows that were loaded after their events have been through those events twice.
		const sorted = (rows: unknown): unknown =>
			[...((rows ?? []) as Item[])].sort((one, other) => one.id - other.id);
		expect(values.map(sorted), `seed ${seed}`).toEqual(values.map(() => sorted(model.rows)));
		client.close();
	}
}, 60_000);
