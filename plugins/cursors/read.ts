/** Reading what a client says of its cursor. */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import {
	isThenable,
	LiveError,
	RealtimeError,
	type Issue,
	type ValueCodec
} from 'svelte-realtime/kernel';
import type { MoverOptions } from './mover.ts';

/** A value, and its JSON text. */
export interface Read {
	readonly data: unknown;
	readonly json: string;
	/** Of the text. */
	readonly bytes: number;
}

/**
 * Checks what a client sent.
 *
 * @throws {LiveError} INVALID_REQUEST, PAYLOAD_TOO_LARGE, VALIDATION: the client's fault.
 * @throws {RealtimeError} RT_OPTION_INVALID, RT_VALUE_UNSERIALIZABLE: the app's.
 */
export function readMove(
	values: ValueCodec,
	data: unknown,
	{ data: schema }: MoverOptions,
	limit: number
): Read {
	const json = jsonOf(values, data);
	// What JSON does not keep is nested without measure, or says `__proto__`: no client of ours sends it.
	if (json === undefined) throw new LiveError('INVALID_REQUEST', 'A cursor is plain JSON.');
	const bytes = Buffer.byteLength(json);
	if (bytes > limit) {
		throw new LiveError('PAYLOAD_TOO_LARGE', `The data of a cursor has at most ${limit} bytes.`);
	}
	return schema === undefined ? { data, json, bytes } : readPlain(values, checked(schema, data));
}

/** @throws {RealtimeError} RT_VALUE_UNSERIALIZABLE for what is more than JSON. */
export function readPlain(values: ValueCodec, data: unknown): Read {
	const json = jsonOf(values, data);
	if (json !== undefined) return { data, json, bytes: Buffer.byteLength(json) };
	throw new RealtimeError('RT_VALUE_UNSERIALIZABLE', ['a cursor', 'it has to be plain JSON']);
}

/** Undefined for what JSON does not keep. */
function jsonOf(values: ValueCodec, data: unknown): string | undefined {
	try {
		const { json, devalue } = values.encode(data, 'a cursor');
		return devalue ? undefined : json;
	} catch {
		// Nobody needs to know more than that it cannot be sent.
		return undefined;
	}
}

function checked(schema: StandardSchemaV1, data: unknown): unknown {
	const result = schema['~standard'].validate(data);
	if (isThenable(result)) {
		result.then(undefined, () => {});
		const wanted = 'a schema that answers at once';
		throw new RealtimeError('RT_OPTION_INVALID', ['data', 'live.cursors()', 'async', wanted]);
	}
	if (result.issues === undefined) return result.value;
	throw new LiveError('VALIDATION', undefined, { issues: result.issues.map(toIssue) });
}

function toIssue({ message, path = [] }: StandardSchemaV1.Issue): Issue {
	const keys = path.map((segment) => (typeof segment === 'object' ? segment.key : segment));
	return { message, path: keys.map((key) => (typeof key === 'number' ? key : String(key))) };
}
