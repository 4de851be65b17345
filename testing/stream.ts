/** A stream that a test follows: the real store, with what a test asks about it. */

import type { LiveError } from '../kernel/live-error.ts';
import type { Position } from '../kernel/contexts.ts';
import type { EventRecord, FrameOf } from '../kernel/protocol.ts';
import type { StreamStore } from '../plugins/streams/client.ts';
import type {} from '../plugins/streams/frames.ts';
import type { StreamState } from '../plugins/streams/followed.ts';
import type { Handled } from '../plugins/streams/store.ts';
import { settle } from '../kernel/testing/clock.ts';

/** An event as it came. */
export interface StreamEvent {
	readonly event: string;
	readonly data: unknown;
	/** 0 = not numbered. */
	readonly seq: number;
}

/** `reconnecting`: there is a value, and the server may have a newer one. */
export type StreamStatus = 'loading' | 'connected' | 'reconnecting' | 'error';

export interface WaitOptions {
	/** Milliseconds of the machine's time, whatever the test's clock shows. @default 2000 */
	timeout?: number;
}

/** A stream that a test follows. */
export interface TestStream<Value = unknown, Store = StreamStore<Value>> {
	/** The store itself, as a page has it. */
	readonly store: Store;
	/** The value; `undefined` until it is loaded. An error never replaces it. */
	readonly current: Value | undefined;
	readonly error: LiveError | undefined;
	readonly status: StreamStatus;
	/** There is a value, and the server may have a newer one. */
	readonly stale: boolean;
	readonly hasMore: boolean;
	/** What has come in since the test follows it: each event once, in order. */
	readonly events: readonly StreamEvent[];
	/**
	 * Waits for a value that `predicate` says yes to; without one, for any.
	 *
	 * @throws {LiveError} the error of the stream, as soon as it has one. @throws {Error} saying what
	 * there is instead, when the time is up.
	 */
	waitFor(predicate?: (value: Value) => boolean, options?: WaitOptions): Promise<Value>;
	/** Loads the next page: `true` when it is there, `false` where there is none. */
	loadMore(): Promise<boolean>;
	/** Follows it no longer, and waits until the server knows. */
	unsubscribe(): Promise<void>;
}

// As they are when this is loaded: a test may put timers of its own in their place.
const { setTimeout, clearTimeout } = globalThis;

type Answer = FrameOf<'stream:snapshot' | 'stream:recovered' | 'stream:delta'>;

const ANSWERS = ['stream:snapshot', 'stream:recovered', 'stream:delta'];

/** @param name How the stream is called in what is said of it. */
export function followStream<Store extends object>(
	store: Store,
	name: string
): TestStream<unknown, Store> {
	const handle = (store as unknown as Handled)['~stream'];
	const { kernel } = handle.host();
	const events: StreamEvent[] = [];
	const waiting = new Set<() => void>();

	let isOver = false;
	/** Of the newest event that is listed: answers may bring what has come already. */
	let last: Position | undefined;
	const hear = (record: Omit<EventRecord, 'seq'> & { seq?: number }): void => {
		const { event, data, devalue, seq = 0 } = record;
		if (!isOver) events.push({ event, data: kernel.values.decode(data, devalue), seq });
	};
	const listen = <F>(type: string, handler: (frame: F) => void): void =>
		kernel.hook('frame', handler as never, type);
	listen('event', (frame: FrameOf<'event'>) => {
		const follower = handle.find();
		if (follower?.topic !== frame.topic) return;
		// After the stream has had it: what it has not taken comes again, in an answer.
		if (frame.seq !== undefined && follower.position?.seq !== frame.seq) return;
		if (frame.seq !== undefined) last = follower.position;
		hear(frame);
	});
	for (const type of ANSWERS) {
		listen(type, ({ id, epoch, events: more = [] }: Answer) => {
			if (handle.find()?.id !== id) return;
			for (const event of more) {
				const { seq } = event;
				if (seq !== undefined && last?.epoch === epoch && seq <= last.seq) continue;
				if (seq !== undefined) last = { epoch, seq };
				hear(event);
			}
		});
	}
	const leave = handle.retain(() => {
		for (const check of [...waiting]) check();
	});
	const state = (): StreamState => handle.state();

	return {
		store,
		events,
		get current() {
			return state().value;
		},
		get error() {
			return state().error;
		},
		get status() {
			return statusOf(state());
		},
		get stale() {
			return state().stale;
		},
		get hasMore() {
			return (store as unknown as StreamStore<unknown>).hasMore;
		},
		waitFor(predicate = () => true, { timeout = 2000 } = {}) {
			return new Promise((resolve, reject) => {
				const end = (): void => {
					clearTimeout(timer);
					waiting.delete(check);
				};
				const fail = (error: unknown): void => {
					end();
					reject(error as Error);
				};
				const check = (): void => {
					const { ready, value, error } = state();
					try {
						if (ready && predicate(value)) {
							end();
							resolve(value);
						} else if (error) fail(error);
					} catch (thrown) {
						fail(thrown);
					}
				};
				const timer = setTimeout(() => {
					const { value } = state();
					const what = `It is ${statusOf(state())}, with ${shown(value)}.`;
					fail(new Error(`"${name}" has not come to what is waited for in ${timeout} ms. ${what}`));
				}, timeout);
				waiting.add(check);
				check();
			});
		},
		loadMore: () => (store as unknown as StreamStore<unknown>).loadMore(),
		async unsubscribe() {
			isOver = true;
			leave();
			await settle();
		}
	};
}

function statusOf({ error, loading, connected, stale }: StreamState): StreamStatus {
	if (error) return 'error';
	if (loading) return 'loading';
	return connected && !stale ? 'connected' : 'reconnecting';
}

function shown(value: unknown): string {
	try {
		const text = JSON.stringify(value) ?? 'no value';
		return text.length > 500 ? `${text.slice(0, 500)}…` : text;
	} catch {
		// What cannot be written as JSON is named as far as that goes.
		return String(value);
	}
}
