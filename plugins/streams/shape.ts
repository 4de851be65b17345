/** Sending a stream in another shape: values, events and live frames as those who asked know them. */

import {
	chain,
	isThenable,
	LiveError,
	RealtimeError,
	type EncodedValue,
	type ErrorCode,
	type MaybePromise,
	type Variant
} from 'svelte-realtime/kernel';
import type { StreamDeclaration } from './declare.ts';
import type { Follower } from './follow.ts';
import { Line } from './line.ts';
import { hasFilter, keptOf } from './pipe/facts.ts';
import { fieldOf } from './pipe/order.ts';
import { GONE, transformed, transformedItem, type Work } from './pipe/transform.ts';
import type { ShapesOptions } from './shapes.ts';
import { migrated, tooOld } from './versions.ts';

/** An event, or a change, of a stream. */
export interface Entry {
	readonly event: string;
	readonly value: EncodedValue;
}

export interface ShapeFacts {
	readonly declaration: StreamDeclaration;
	/** An older one. */
	readonly version: number | undefined;
	readonly args: readonly unknown[];
	readonly path: string;
	/** Part of the topics' names. */
	readonly name: string;
	/** What is sent may have to wait for something. */
	readonly isSlow: boolean;
	/** Nobody is sent anything in it any more. */
	forget(): void;
}

/** What brings about nothing but the number that it has. */
const NOTHING: EncodedValue = { json: undefined, devalue: false };

/** A stream as some of those know it who follow it. */
export class Shape {
	readonly isSlow: boolean;
	readonly #facts: ShapeFacts;
	readonly #options: ShapesOptions;
	readonly #work: Work | undefined;
	readonly #holders: Set<object> = new Set();
	/** By the topic: those who are sent its frames in this shape. */
	readonly #followers: Map<string, Set<Follower>> = new Map();
	/** By the topic: what is on its way to them. */
	readonly #lines: Map<string, Line> = new Map();
	/** Topics that have a gap in this shape, until those who follow them are told. */
	readonly #broken: Set<string> = new Set();

	constructor(facts: ShapeFacts, options: ShapesOptions) {
		this.#facts = facts;
		this.#options = options;
		this.isSlow = facts.isSlow;
		const { declaration, args } = facts;
		const { pipes, merge } = declaration;
		const limit = pipes?.limit ?? 0;
		const most = limit > 0 && merge.merge !== 'set' ? keptOf(limit) : limit;
		this.#work = pipes && { pipes, args, merge, most };
	}

	/** Somebody is going to be sent something in it. */
	hold(holder: object): void {
		this.#holders.add(holder);
	}

	/** What a topic's frames are sent as, and under which name. */
	variant(topic: string): Variant {
		return {
			topic: `__shape:${this.#facts.name}:${topic}`,
			change: (frame) => this.#change(topic, frame)
		};
	}

	/**
	 * The value of the stream, or a page of it. Migrations get a copy, as it would arrive in a client:
	 * what a loader returns may be the app's own.
	 *
	 * @throws {LiveError} STALE, SERVICE_UNAVAILABLE; why is reported.
	 */
	value(value: unknown): MaybePromise<unknown> {
		const { version, path, declaration } = this.#facts;
		const { values } = this.#options.kernel;
		const piped = this.#work ? this.#piped(() => transformed(value, this.#work!)) : value;
		if (version === undefined) return piped;
		return chain(piped, (shown) =>
			this.#older(() => {
				const copy = values.read(values.encode(shown, `the value of "${path}"`));
				return declaration.merge.merge === 'set' ? this.#migrate(copy) : this.#list(copy);
			})
		);
	}

	/** @throws {LiveError} STALE, SERVICE_UNAVAILABLE; why is reported. */
	entries<E extends Entry>(entries: readonly E[]): MaybePromise<readonly E[]> {
		const changed = entries.map((entry) => this.#encoded(entry));
		const put = (values: readonly EncodedValue[]): readonly E[] =>
			entries.map((entry, at) => ({ ...entry, value: values[at]! }));
		return changed.some(isThenable) ? Promise.all(changed).then(put) : put(changed as never);
	}

	/** What is to be sent behind every frame of the topic until now, and before those that follow. */
	inLine<T>(topic: string, work: () => MaybePromise<T>): MaybePromise<T> {
		if (!this.isSlow) return work();
		const { clock, limits } = this.#options.kernel;
		const line = this.#lines.get(topic) ?? new Line();
		this.#lines.set(topic, line);
		if (line.length >= limits.deferredFrames) throw this.#unavailable('too many are waiting');
		let cancel: () => void = () => {};
		const late = new Promise<never>((_, reject) => {
			cancel = clock.after(limits.deferTimeout, () =>
				reject(this.#unavailable(`it took longer than ${limits.deferTimeout} ms`))
			);
		});
		const own = Promise.race([(async () => work())(), late]).finally(() => cancel());
		return line.add(own).finally(() => {
			if (line.length === 0 && this.#lines.get(topic) === line) this.#lines.delete(topic);
		});
	}

	enter(topic: string, follower: Follower): void {
		const own = this.#followers.get(topic) ?? new Set();
		this.#followers.set(topic, own.add(follower));
	}

	leave(topic: string, holder: object): void {
		const own = this.#followers.get(topic);
		own?.delete(holder as Follower);
		if (own?.size === 0) this.#followers.delete(topic);
		this.#holders.delete(holder);
		if (this.#holders.size === 0) this.#facts.forget();
	}

	/** A live frame. Where it fails, those who follow would have a gap for ever: they are told instead. */
	#change(topic: string, frame: Entry): MaybePromise<EncodedValue | undefined> {
		if (this.#broken.has(topic)) return undefined;
		const failed = (error: unknown): undefined => {
			this.#break(topic, error as LiveError);
			return undefined;
		};
		try {
			const changed = this.inLine(topic, () => this.#encoded(frame));
			return isThenable(changed) ? Promise.resolve(changed).catch(failed) : changed;
		} catch (error) {
			return failed(error);
		}
	}

	/** Not in this tick, in which a frame is still on its way to others. */
	#break(topic: string, error: LiveError): void {
		if (this.#broken.has(topic)) return;
		this.#broken.add(topic);
		queueMicrotask(() => {
			this.#broken.delete(topic);
			for (const follower of [...(this.#followers.get(topic) ?? [])]) {
				this.#options.refuse(follower, error);
			}
		});
	}

	#encoded(entry: Entry): MaybePromise<EncodedValue> {
		const { values } = this.#options.kernel;
		const { event, value } = entry;
		const { merge } = this.#facts.declaration.merge;
		const isList = merge === 'crud' && event === 'set';
		const isItem = merge === 'latest' || ['created', 'updated'].includes(event);
		// Of what is gone nothing but the key counts, and that has the same name in all versions.
		if (merge === 'crud' && !isList && !isItem) return this.#keyed(entry);
		const data = values.read(value);
		const isNothing = merge === 'crud' ? Object(data) !== data : (data ?? undefined) === undefined;
		const hasItems = !isList || !this.#work || Array.isArray(data);
		// What no list takes in is no item that a transform or a migration could know.
		if (merge !== 'set' && (isNothing || !hasItems)) return this.#work ? NOTHING : value;
		const work = this.#work;
		const run = (): MaybePromise<unknown> =>
			merge === 'set' || isList ? transformed(data, work!) : transformedItem(data, work!);
		return chain(work ? this.#piped(run) : data, (shown) =>
			shown === GONE ? this.#gone(data) : this.#written(shown, isList)
		);
	}

	#written(data: unknown, isList: boolean): EncodedValue {
		return this.#older(() => {
			const older = isList ? this.#list(data) : this.#migrate(data);
			return this.#options.kernel.values.encode(older, `an event of "${this.#facts.path}"`);
		});
	}

	/** What is known of an event that brings no item: where items are left out, only its key goes out. */
	#keyed({ event, value }: Entry): EncodedValue {
		const { pipes } = this.#facts.declaration;
		if (!pipes || !hasFilter(pipes)) return value;
		const { values } = this.#options.kernel;
		return event === 'deleted' ? this.#onlyKey(values.read(value), {}) : NOTHING;
	}

	/** An item that is not to be shown; it may have been until now. */
	#gone(item: unknown): EncodedValue {
		return this.#onlyKey(item, { __gone: true });
	}

	#onlyKey(item: unknown, mark: object): EncodedValue {
		const { key } = this.#facts.declaration.merge;
		const value = fieldOf(item, key);
		if (value === undefined) return NOTHING;
		return this.#options.kernel.values.encode({ [key]: value, ...mark }, 'a key');
	}

	#list(value: unknown): unknown {
		return Array.isArray(value) ? value.map((item) => this.#migrate(item)) : value;
	}

	#migrate(item: unknown): unknown {
		const { declaration, version } = this.#facts;
		return version === undefined ? item : migrated(item, declaration, version);
	}

	/** @throws {LiveError} STALE */
	#older<T>(work: () => T): T {
		try {
			return work();
		} catch (cause) {
			const { path, version } = this.#facts;
			if (version === undefined) throw this.#unavailable(cause);
			this.#report('RT_STREAM_MIGRATE', [path, version], cause);
			throw tooOld();
		}
	}

	/** @throws {LiveError} SERVICE_UNAVAILABLE */
	#piped<T>(work: () => MaybePromise<T>): MaybePromise<T> {
		const failed = (cause: unknown): never => {
			throw this.#unavailable(cause);
		};
		try {
			const result = work();
			return isThenable(result) ? Promise.resolve(result).catch(failed) : result;
		} catch (cause) {
			return failed(cause);
		}
	}

	/** What clients are told that ask again by themselves. */
	#unavailable(cause: unknown): LiveError {
		this.#report('RT_PIPE_FAILED', [this.#facts.path], cause);
		return new LiveError('SERVICE_UNAVAILABLE', 'The stream cannot be had at the moment.');
	}

	#report(code: ErrorCode, about: readonly unknown[], cause: unknown): void {
		this.#options.kernel.report(new RealtimeError(code, about, { cause }));
	}
}
