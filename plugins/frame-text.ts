/** Frames as lines of text. */

import type { EncodedValue } from 'svelte-realtime/kernel';

export interface Frame {
	readonly event: string;
	readonly value: EncodedValue;
	/** The operation of a client that it is the outcome of. */
	readonly op: string | undefined;
}

/** What stands between the fields of a line, and between lines: no JSON text has one, as both are escaped. */
export const TAB = '\t';
export const BREAK = '\n';

/** Two fields: what the event is, and its value. */
export function writeFrame({ event, value, op }: Frame): string {
	return `${JSON.stringify([event, value.devalue ? 1 : 0, op ?? 0])}${TAB}${value.json ?? ''}`;
}

/** @throws {Error} for what is no frame. */
export function readFrame(about: string | undefined, json: string | undefined): Frame {
	if (about === undefined || json === undefined) {
		throw new Error('The message was not written by this package.');
	}
	const [event, devalue, op] = JSON.parse(about) as [string, 0 | 1, string | 0];
	const value = { json: json === '' ? undefined : json, devalue: devalue === 1 };
	return { event, value, op: op === 0 ? undefined : op };
}
