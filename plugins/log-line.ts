/**
 * Frames of the log as lines of text, in the store and on the way. A later version may put fields behind
 * those of a line, and behind those of the head of a message: who does not know them leaves them out.
 */

import { BREAK, readFrame, TAB, writeFrame, type Frame } from './frame-text.ts';
import { readLineage, type Lineage } from './log-lineage.ts';

/** What is stored of one publish, but for its number. */
export interface Stored extends Frame {
	/** Names the publish among all of all instances: `instance.number`. */
	readonly id: string;
	/** The name is one that may have been published before: it is looked for. */
	readonly isGiven?: boolean;
}

/** A line without its number: the id, then the frame. */
export function writeLine(stored: Stored): string {
	return `${stored.id}${TAB}${writeFrame(stored)}`;
}

/** A stored line: its number, then the line. @throws {Error} for what is no line. */
export function readLine(line: string): Numbered {
	const [number, id, about, json] = line.split(TAB);
	const seq = Number(number);
	if (!Number.isSafeInteger(seq)) throw notOurs();
	return { seq, id: id!, ...readFrame(about, json) };
}

/** A frame with its place. */
export type Numbered = Stored & { readonly seq: number };

/** What a topic's followers are told at once. */
export interface Broadcast {
	readonly epoch: string;
	/** What the epoch goes on from, where it has just begun. */
	readonly lineage: Lineage;
	/** Following on one another; none says only that the epoch is another. */
	readonly frames: readonly Numbered[];
	/** They were in the store before, perhaps in an earlier epoch: who follows the topic may have them. */
	readonly isRepeat?: boolean;
}

/** Reads a message: the epoch and its lineage, then stored lines. @throws {Error} for what is none. */
export function readBroadcast(message: string): Broadcast {
	const [about, ...lines] = message.split(BREAK);
	const [epoch, lineage] = about!.split(TAB);
	if (lineage === undefined) throw notOurs();
	return { epoch: epoch!, lineage: readLineage(lineage), frames: lines.map(readLine) };
}

function notOurs(): Error {
	return new Error('The line was not written by this plugin.');
}
