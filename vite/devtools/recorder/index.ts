/** All that the overlay knows of a client, and what it can do to its network. */

import {
	randomOf,
	type ClientKernel,
	type ConnectionStatus
} from '../../../kernel/client/index.ts';
import { recordCalls, type Calls } from './calls.ts';
import { createFaults, type Faults } from './faults.ts';
import { recordSockets } from './install.ts';
import { bytesOf, type Message, type RecordedSocket } from './socket.ts';
import { recordStreams, type Streams } from './streams.ts';
import { createTopics, type Topics } from './topics.ts';

export interface Recorder {
	readonly kernel: ClientKernel;
	readonly faults: Faults;
	readonly calls: Calls;
	readonly streams: Streams;
	readonly topics: Topics;
	readonly wire: Readonly<Wire>;
	/** Measures the latency, where there is a connection. */
	ping(): void;
}

/** What went over the network since the page was loaded. */
export interface Wire {
	messagesIn: number;
	messagesOut: number;
	bytesIn: number;
	bytesOut: number;
	/** Milliseconds, the latest last; at most 20. */
	latencies: number[];
	/** By which the server keeps results for this page. */
	session: string | undefined;
	/** What became of the connection, the latest last; at most 50. */
	history: Change[];
}

export interface Change {
	readonly number: number;
	/** Milliseconds since the Unix epoch. */
	readonly at: number;
	readonly status: ConnectionStatus;
	readonly attempt: number;
	/** Why it ended. */
	readonly closed: string | undefined;
}

/** Begins to record; to be called before the client connects. */
export function createRecorder(kernel: ClientKernel): Recorder {
	const faults = createFaults(() => randomOf(kernel.options));
	const topics = createTopics({
		now: () => kernel.clock.now(),
		after: (...timer) => kernel.clock.after(...timer),
		every: (...timer) => kernel.clock.every(...timer)
	});
	const calls = recordCalls(kernel);
	const streams = recordStreams(kernel);
	const sockets = new Set<RecordedSocket>();
	const wire: Wire = {
		messagesIn: 0,
		messagesOut: 0,
		bytesIn: 0,
		bytesOut: 0,
		latencies: [],
		session: undefined,
		history: []
	};

	recordSockets(kernel, {
		get clock() {
			return kernel.clock;
		},
		faults,
		began: (socket) => void sockets.add(socket),
		ended: (socket) => void sockets.delete(socket),
		latency: (ms) => keep(wire.latencies, ms, 20),
		message(message) {
			count(wire, message);
			calls.message(message, wire.messagesOut);
			streams.message(message);
			for (const frame of message.frames) {
				if (frame.type === 'rpc:session') wire.session = String(frame['session']);
				if (message.direction === 'out' || typeof frame['topic'] !== 'string') continue;
				const what = String(frame['event'] ?? frame.type);
				const bytes = message.frames.length === 1 ? message.bytes : bytesOf(JSON.stringify(frame));
				topics.heard(frame['topic'], what, bytes, frame['seq'] as number | undefined);
			}
		}
	});

	let changes = 0;
	kernel.connection.subscribe((status) => {
		const { closed, attempt } = kernel.connection;
		const why = closed && [closed.code, closed.reason, closed.refused?.code].filter(Boolean);
		const number = (changes += 1);
		const at = kernel.clock.now();
		keep(wire.history, { number, at, status, attempt, closed: why?.join(' ') }, 50);
	});

	faults.onCut((isCut) => {
		if (isCut) for (const socket of [...sockets]) socket.cut();
		// As a page does whose device is back in the network; one that never connected has nothing to lose.
		else if (!['idle', 'open', 'closed'].includes(kernel.status())) kernel.connection.reconnect();
	});

	return {
		kernel,
		faults,
		calls,
		streams,
		topics,
		wire,
		ping() {
			if (kernel.status() !== 'open') return;
			for (const socket of sockets) socket.ping();
		}
	};
}

function count(wire: Wire, { direction, bytes }: Message): void {
	if (direction === 'in') {
		wire.messagesIn += 1;
		wire.bytesIn += bytes;
	} else {
		wire.messagesOut += 1;
		wire.bytesOut += bytes;
	}
}

function keep<T>(list: T[], entry: T, most: number): void {
	list.push(entry);
	if (list.length > most) list.shift();
}
