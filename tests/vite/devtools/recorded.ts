/** A client that is recorded, against a server by hand or a real one. */

import {
	createClientKernel,
	type ClientKernel,
	type ClientOptions
} from '../../../kernel/client/index.ts';
import { VirtualClock } from '../../../kernel/testing/clock.ts';
import { rpcClient, rpcStub } from '../../../plugins/rpc/client.ts';
import { streamsClient, streamStub, type StreamStub } from '../../../plugins/streams/client.ts';
import { createRecorder, type Recorder } from '../../../vite/devtools/recorder/index.ts';
import { FakeSocket, settle } from '../../client/fake-server.ts';
import type { Network } from '../../client/network.ts';

export interface Recorded {
	readonly kernel: ClientKernel;
	readonly recorder: Recorder;
	call(path: string, ...args: unknown[]): Promise<unknown>;
	stream(path: string): StreamStub;
}

/** A recorded client in a network with a real server. */
export function recordedIn(network: Network, options: ClientOptions = {}): Recorded {
	const { WebSocket, clock } = network;
	return recordedWith(
		createClientKernel({ url: 'ws://test', WebSocket, clock, random: () => 0.5, ...options })
	);
}

export interface ByHand extends Recorded {
	readonly clock: VirtualClock;
	readonly sockets: FakeSocket[];
	/** The latest. */
	socket(): FakeSocket;
	/** Lets the client dial, and welcomes it. */
	open(): Promise<void>;
}

/** A recorded client whose server is what the test does. */
export function recordedByHand(): ByHand {
	const sockets: FakeSocket[] = [];
	const clock = new VirtualClock();
	class Dialled extends FakeSocket {
		constructor(url: string, protocols?: string[]) {
			super(url, protocols);
			sockets.push(this);
		}
	}
	const options = { url: 'ws://test/ws', WebSocket: Dialled, clock, random: () => 0.5 };
	return {
		...recordedWith(createClientKernel(options)),
		clock,
		sockets,
		socket: () => sockets.at(-1)!,
		async open() {
			await settle();
			sockets.at(-1)!.welcome();
			await settle();
		}
	};
}

function recordedWith(kernel: ClientKernel): Recorded {
	return {
		kernel,
		recorder: createRecorder(kernel),
		call: (path, ...args) => {
			const promise = rpcStub(() => rpcClient(kernel), path)(...args);
			// The test looks at it later; a rejection must not end the process before.
			promise.catch(() => {});
			return promise;
		},
		stream: (path) => streamStub(() => streamsClient(kernel), path)
	};
}
