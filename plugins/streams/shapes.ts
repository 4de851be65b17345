/** Sending a stream to pages of an older build: values, events and live frames as these know them. */

import {
	RealtimeError,
	type EncodedValue,
	type LiveError,
	type Variant
} from 'svelte-realtime/kernel';
import type { StreamDeclaration } from './declare.ts';
import type { Follower } from './follow.ts';
import type { Kernel, Source } from './load.ts';
import { migrated, olderVersion, tooOld } from './versions.ts';

/** An event, or a change, of a stream. */
interface Entry {
	readonly event: string;
	readonly value: EncodedValue;
}

export interface ShapesOptions {
	readonly kernel: Kernel;
	/** Ends a stream with an error. */
	refuse(follower: Follower, error: LiveError): void;
}

/** The older versions of streams that somebody has asked for. */
export interface Shapes {
	/**
	 * How a client is sent a stream; undefined: as it is.
	 *
	 * @param schema The version that the client's page was built for.
	 * @throws {LiveError} STALE, INVALID_REQUEST
	 */
	of(source: Pick<Source, 'ctx' | 'declaration'>, schema: number): Shape | undefined;
}

export function createShapes(options: ShapesOptions): Shapes {
	const known = new WeakMap<StreamDeclaration, Map<number, Shape>>();
	return {
		of({ ctx, declaration }, schema) {
			const version = olderVersion(declaration, schema);
			if (version === undefined) return undefined;
			const own = known.get(declaration) ?? new Map<number, Shape>();
			known.set(declaration, own);
			const shape = own.get(version) ?? new Shape(declaration, version, ctx.path, options);
			own.set(version, shape);
			return shape;
		}
	};
}

/** Shapes so far: a number is what no other shape of this process has in its topics' names. */
let count = 0;

/** A stream as pages of one older version know it. */
export class Shape {
	readonly #declaration: StreamDeclaration;
	readonly #version: number;
	readonly #path: string;
	readonly #options: ShapesOptions;
	readonly #name: string = (count += 1).toString(36);
	/** By the topic: those who are sent its frames in this shape. */
	readonly #followers: Map<string, Set<Follower>> = new Map();
	/** Topics that have a gap in this shape, until those who follow them are told. */
	readonly #broken: Set<string> = new Set();

	constructor(
		declaration: StreamDeclaration,
		version: number,
		path: string,
		options: ShapesOptions
	) {
		this.#declaration = declaration;
		this.#version = version;
		this.#path = path;
		this.#options = options;
	}

	/** What a topic's frames are sent as, and under which name. */
	variant(topic: string): Variant {
		return {
			topic: `__schema:${this.#name}:${topic}`,
			change: (frame) => this.#change(topic, frame)
		};
	}

	/**
	 * The value of the stream, or a page of it. Migrations get a copy, as it would arrive in a client:
	 * what a loader returns may be the app's own.
	 *
	 * @throws {LiveError} STALE; why is reported.
	 */
	value(value: unknown): unknown {
		const { values } = this.#options.kernel;
		return this.#safely(() => {
			const copy = values.read(values.encode(value, `the value of "${this.#path}"`));
			return this.#declaration.merge.merge === 'set' ? this.#older(copy) : this.#list(copy);
		});
	}

	/** @throws {LiveError} STALE; why is reported. */
	entries<E extends Entry>(entries: readonly E[]): readonly E[] {
		return this.#safely(() => entries.map((entry) => ({ ...entry, value: this.#encoded(entry) })));
	}

	enter(topic: string, follower: Follower): void {
		const own = this.#followers.get(topic) ?? new Set();
		this.#followers.set(topic, own.add(follower));
	}

	leave(topic: string, follower: Follower): void {
		const own = this.#followers.get(topic);
		own?.delete(follower);
		if (own?.size === 0) this.#followers.delete(topic);
	}

	/** A live frame. Where it fails, those who follow would have a gap for ever: they are told instead. */
	#change(topic: string, frame: Entry): EncodedValue | undefined {
		if (this.#broken.has(topic)) return undefined;
		try {
			return this.#safely(() => this.#encoded(frame));
		} catch {
			// Reported by then. Not in this tick, in which the frame is still on its way to others.
			this.#broken.add(topic);
			queueMicrotask(() => {
				this.#broken.delete(topic);
				for (const follower of [...(this.#followers.get(topic) ?? [])]) {
					this.#options.refuse(follower, tooOld());
				}
			});
			return undefined;
		}
	}

	#encoded(entry: Entry): EncodedValue {
		const { values } = this.#options.kernel;
		const { event, value } = entry;
		const { merge } = this.#declaration.merge;
		// Of what is gone nothing but the key counts, and that has the same name in all versions.
		if (merge === 'crud' && !['created', 'updated', 'set'].includes(event)) return value;
		const data = values.read(value);
		const isNothing = merge === 'crud' ? Object(data) !== data : (data ?? undefined) === undefined;
		// What no list takes in is no item that a migration could know.
		if (merge !== 'set' && isNothing) return value;
		const older = merge === 'crud' && event === 'set' ? this.#list(data) : this.#older(data);
		return values.encode(older, `an event of "${this.#path}"`);
	}

	#list(value: unknown): unknown {
		return Array.isArray(value) ? value.map((item) => this.#older(item)) : value;
	}

	#older(item: unknown): unknown {
		return migrated(item, this.#declaration, this.#version);
	}

	/** @throws {LiveError} STALE */
	#safely<T>(work: () => T): T {
		try {
			return work();
		} catch (cause) {
			const about = [this.#path, this.#version];
			this.#options.kernel.report(new RealtimeError('RT_STREAM_MIGRATE', about, { cause }));
			throw tooOld();
		}
	}
}
