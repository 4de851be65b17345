/** The answers to a `stream` frame, as text. */

import { encode, encodeRecord, type EncodedValue } from 'svelte-realtime/kernel';
import type { Delta } from './delta.ts';
import type { MergeOptions, Paging, ResetReason } from './frames.ts';
import type { Kernel, Loaded } from './load.ts';

/** What every answer begins with: which question, which topic, and where in it the answer stands. */
export interface Answer extends MergeOptions, Paging {
	readonly id: number;
	readonly topic: string;
	readonly epoch: string;
	readonly seq: number;
}

/** One event as it is sent; a change that is no event of the topic has no number. */
export interface Entry {
	readonly event: string;
	readonly value: EncodedValue;
	readonly seq?: number;
	readonly op?: string | undefined;
}

/** What was loaded, in the shape in which it is sent. */
export interface Sendable extends Pick<Loaded, 'value' | 'version'> {
	readonly events: readonly Entry[];
}

/** The value, and what came while it was loaded. */
export function snapshotText(
	answer: Answer,
	{ value, version, events }: Sendable,
	{ values }: Kernel,
	reset?: ResetReason
): string {
	const parts = {
		...(version !== undefined && { version }),
		...(events.length > 0 && { events: recordsOf(events) })
	};
	return encode(
		{ type: 'stream:snapshot', ...answer, ...(reset && { reset }) },
		values.encode(value, `the value of "${answer.topic}"`),
		parts as Record<keyof typeof parts, string>
	);
}

/** What came after the client's position. */
export function recoveredText(answer: Answer, events: readonly Entry[]): string {
	const frame = { type: 'stream:recovered', ...answer } as const;
	return encode(frame, undefined, { events: recordsOf(events) });
}

/** What has changed since the client's version, and what came while that was found out. */
export function deltaText(
	answer: Answer,
	{ version }: Pick<Delta, 'version'>,
	events: readonly Entry[]
): string {
	return encode({ type: 'stream:delta', ...answer }, undefined, {
		version,
		events: recordsOf(events)
	});
}

/** Events as the list that stands in a frame. */
export function recordsOf(entries: readonly Entry[]): string {
	const texts = entries.map(({ event, value, seq, op }) => encodeRecord(event, value, seq, op));
	return `[${texts.join(',')}]`;
}
