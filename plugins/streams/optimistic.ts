/** `stream.optimistic()` and `call.optimistic()`: a change is shown before the server has it. */

import type { ClientKernel } from '../../kernel/client/index.ts';
import type { EventRecord, FrameOf } from '../../kernel/protocol.ts';
import type { RemoteFunction } from '../rpc/remote.ts';
import { streamsClient } from './client.ts';
import type { Follower } from './follower.ts';
import type { SnapshotFrame } from './frames.ts';
import type { Operation } from './operation.ts';
import { createOverlay, type Overlay } from './overlay.ts';
import { streamPrototype, type Handled } from './store.ts';

/**
 * Gives all streams and calls `optimistic`.
 *
 * @param calls What all calls inherit from.
 */
export function addOptimistic(calls: object): void {
	Object.assign(streamPrototype, { optimistic });
	Object.assign(calls, { optimistic: optimisticCall });
}

function optimistic(this: Handled, event: string, data: unknown): Operation {
	return begin(this, event, data, true);
}

function optimisticCall(
	this: RemoteFunction<unknown[], unknown>,
	stream: Handled,
	event: string,
	data: unknown
): (...args: unknown[]) => Promise<unknown> {
	return (...args) => {
		const shown: unknown = typeof data === 'function' ? data(...args) : data;
		const operation = begin(stream, event, shown, false);
		const result = this.with({ op: operation.id })(...args);
		result.then(operation.confirm, operation.rollback);
		return result;
	};
}

/** An operation as the frames find it. */
interface Shown {
	readonly id: string;
	readonly event: string;
	/** Where it is confirmed by an event for the same item too: nobody's events carry its id. */
	readonly key: unknown;
	/** Where the event that it comes to stands in the topic, once that is known. */
	seen?: { readonly epoch: string | undefined; readonly seq: number };
	/** The server has it: the next answer about the stream holds whatever it came to. */
	isDone: boolean;
	/** Shows the stream without it. */
	end(): void;
}

/** What is shown of one stream. */
interface Layer {
	readonly follower: Follower;
	readonly overlay: Overlay;
	readonly operations: Set<Shown>;
	/** Those that the server has, and that no event has come of. */
	readonly confirmed: Set<Shown>;
}

function begin(stream: Handled, event: string, data: unknown, isByKey: boolean): Operation {
	const { host, retain, find } = stream['~stream'];
	const layers = host().kernel.install(setup);
	let layer: Layer | undefined;
	// Followed until the outcome is known, also where nobody reads it meanwhile.
	const leave = retain(() => layer && settle(layer));
	const followed = find();
	if (!followed) {
		// Under a condition that does not hold there is no value to show it on.
		leave();
		return { id: nextId(), rollback() {}, confirm() {} };
	}
	layer = layers(followed);
	const { follower, overlay, operations } = layer;
	const take = overlay.add({ event, data });
	const operation: Shown = {
		id: nextId(),
		event,
		key: isByKey ? data : undefined,
		isDone: false,
		end() {
			if (!operations.delete(operation)) return;
			take();
			follower.notify();
			leave();
		}
	};
	operations.add(operation);
	follower.notify();
	return {
		id: operation.id,
		rollback: operation.end,
		confirm() {
			// Its event has come before the answer to its call. Where it has not there is none, or it went
			// another way: the answer to a question that is asked now holds whatever it came to.
			if (!operation.seen && operations.has(operation)) ask(layer!, operation);
		}
	};
}

/** The layers of a client: found by their follower, told of what the server sends. */
function setup(kernel: ClientKernel): (follower: Follower) => Layer {
	// Before anything here, so that a frame has been applied when it is heard of here.
	streamsClient(kernel);
	const byFollower = new WeakMap<Follower, Layer>();
	const layers = new Set<Layer>();

	const hear = (topic: string, events: readonly Heard[], epoch: string | undefined): void => {
		for (const layer of layers) {
			if (layer.operations.size === 0) layers.delete(layer);
			if (layer.follower.topic !== topic) continue;
			for (const event of events) match(layer, event, epoch, kernel);
			settle(layer);
		}
	};
	kernel.hook(
		'frame',
		((frame: FrameOf<'event'>) => hear(frame.topic, [frame], frame.epoch)) as never,
		'event'
	);
	for (const kind of ['snapshot', 'recovered', 'delta']) {
		const answer = ({ topic, events = [], epoch }: SnapshotFrame): void =>
			hear(topic, events, epoch);
		kernel.hook('frame', answer as never, `stream:${kind}`);
	}

	return (follower) => {
		let layer = byFollower.get(follower);
		if (!layer) {
			const overlay = createOverlay();
			layer = { follower, overlay, operations: new Set(), confirmed: new Set() };
			byFollower.set(follower, layer);
			Object.defineProperty(follower, 'value', {
				configurable: true,
				get: () => follower.list && overlay.over(follower.list)
			});
		}
		layers.add(layer);
		return layer;
	};
}

type Heard = Omit<EventRecord, 'seq'> & { readonly seq?: number };

/** Notes where the operations stand that an event is the outcome of. */
function match(
	{ follower, operations }: Layer,
	{ event, data, devalue, seq, op }: Heard,
	epoch: string | undefined,
	{ values }: ClientKernel
): void {
	const { list, position } = follower;
	for (const operation of operations) {
		if (operation.seen || (op !== operation.id && !isSameItem(operation))) continue;
		operation.seen = { epoch: epoch ?? position?.epoch, seq: seq ?? position?.seq ?? 0 };
	}

	function isSameItem(operation: Shown): boolean {
		if (operation.key === undefined || operation.event !== event || !list) return false;
		const key = list.keyOf(operation.key);
		try {
			return key !== undefined && key === list.keyOf(values.decode(data, devalue));
		} catch {
			// What cannot be read is shown as the stream's error; it is no item of ours.
			return false;
		}
	}
}

/** Asks where the stream stands, once for all operations of this tick. */
function ask({ follower, operations, overlay, confirmed }: Layer, operation: Shown): void {
	confirmed.add(operation);
	if (confirmed.size > 1) return;
	queueMicrotask(() => {
		follower.ask();
		for (const one of confirmed) one.isDone = true;
		confirmed.clear();
		settle({ follower, operations, overlay, confirmed });
	});
}

/** Ends the operations whose outcome the confirmed value holds. */
function settle({ follower, operations }: Layer): void {
	const { position, stale, list, error, isRunning } = follower;
	for (const operation of operations) {
		const { seen, isDone } = operation;
		// An event of a new epoch is not applied: the answer to the question that it makes holds it.
		const isHeld = seen && (seen.epoch === position?.epoch ? position!.seq >= seen.seq : !stale);
		const isOver = !isRunning || (error && !error.retryable) || (list && !stale);
		if (isHeld || (isDone && isOver)) operation.end();
	}
}

let page: string | undefined;
let count = 0;

/** An id that no other page gives to an operation. */
function nextId(): string {
	page ??= globalThis.crypto.getRandomValues(new Uint32Array(4)).join('-');
	return `${page}.${(count += 1).toString(36)}`;
}
