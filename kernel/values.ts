/** Values on the wire: JSON where that keeps them, devalue where it does not. */

import * as devalue from 'devalue';
import type { EncodedValue } from './contexts.ts';
import { RealtimeError } from './errors.ts';
import { LiveError } from './live-error.ts';
import { isPlain } from './plain.ts';

/** The app's own types, as SvelteKit's `transport` hook declares them. */
export type TransportHook = Readonly<
	Record<string, { encode(value: unknown): unknown; decode(data: never): unknown }>
>;

export interface ValueCodec {
	/** @throws {RealtimeError} RT_VALUE_UNSERIALIZABLE for functions, symbols and unknown classes. */
	encode(value: unknown, purpose: string): EncodedValue;
	/** @throws {LiveError} INVALID_REQUEST when `parsed` is not what devalue writes. */
	decode(parsed: unknown, isDevalue: boolean): unknown;
	/** Reads what this server wrote, of any size and with cycles: nothing in it is a client's doing. */
	read(value: EncodedValue): unknown;
}

/** Values that a client's devalue text may stand for once everything shared is written out. */
const MAX_VALUES = 100_000;

const ABSENT: EncodedValue = { json: undefined, devalue: false };

export function createValueCodec(transport: TransportHook = {}): ValueCodec {
	const reducers: Record<string, (value: unknown) => unknown> = {};
	const revivers: Record<string, (value: never) => unknown> = {};
	for (const [name, { encode, decode }] of Object.entries(transport)) {
		reducers[name] = encode;
		revivers[name] = decode;
	}

	const unflatten = (flat: unknown): unknown => devalue.unflatten(flat as never, revivers as never);

	return {
		encode(value, purpose) {
			if (value === undefined) return ABSENT;
			if (isPlain(value)) return { json: JSON.stringify(value), devalue: false };
			try {
				return { json: devalue.stringify(value, reducers), devalue: true };
			} catch (error) {
				throw new RealtimeError('RT_VALUE_UNSERIALIZABLE', [purpose, (error as Error).message], {
					cause: error
				});
			}
		},
		decode(parsed, isDevalue) {
			if (!isDevalue) return parsed;
			if (!isBounded(parsed))
				throw new LiveError('INVALID_REQUEST', 'The values are not well formed.');
			try {
				return unflatten(parsed);
			} catch (error) {
				throw new LiveError('INVALID_REQUEST', 'The values are not well formed.', { cause: error });
			}
		},
		read({ json, devalue: isDevalue }) {
			if (json === undefined) return undefined;
			const parsed: unknown = JSON.parse(json);
			return isDevalue ? unflatten(parsed) : parsed;
		}
	};
}

/**
 * Refuses a flat value list that is small on the wire and endless when walked: shared references
 * that double at each level, cycles, and sparse arrays of any length. A schema, or the encoder of
 * an answer, walks what it is handed as a tree.
 */
function isBounded(flat: unknown): boolean {
	if (typeof flat === 'number') return true;
	if (!Array.isArray(flat) || flat.length === 0) return false;
	const sizes = new Map<number, number>();
	const measure = (index: number): number => {
		const known = sizes.get(index);
		if (known !== undefined) return known;
		sizes.set(index, Infinity); // met again below itself: a cycle
		let size = 1;
		for (const child of children(flat[index])) size += measure(child);
		sizes.set(index, size);
		return size;
	};
	try {
		return measure(0) <= MAX_VALUES;
	} catch {
		return false; // nested beyond the stack
	}
}

function children(entry: unknown): number[] {
	if (typeof entry !== 'object' || entry === null) return [];
	const items: unknown[] = Object.values(entry);
	if (Array.isArray(entry) && entry[0] === -7) throw new RangeError('sparse');
	return items.filter((item): item is number => typeof item === 'number' && item >= 0);
}
