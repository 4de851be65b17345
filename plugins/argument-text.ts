/** What a client passed, as a text by which equal arguments are known. */

import { LiveError, type EncodedValue, type ValueCodec } from 'svelte-realtime/kernel';

/** @throws {LiveError} INVALID_REQUEST for what a client can send, and nobody can write again. */
export function argumentText(values: ValueCodec, args: readonly unknown[]): EncodedValue {
	try {
		return values.encode(args, 'the arguments of a stream');
	} catch (cause) {
		throw new LiveError('INVALID_REQUEST', 'These arguments cannot be taken.', { cause });
	}
}
