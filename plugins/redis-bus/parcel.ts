/** What travels at once: who sends it, then a line for each frame. */

import { BREAK, readFrame, TAB, writeFrame, type Frame } from '../frame-text.ts';

export interface Parcel {
	/** The instance that sends it. */
	readonly instance: string;
	readonly frames: readonly Frame[];
}

export function writeParcel(instance: string, frames: readonly Frame[]): string {
	return [instance, ...frames.map(writeFrame)].join(BREAK);
}

/** @throws {Error} for what is none. */
export function readParcel(message: string): Parcel {
	const [instance, ...lines] = message.split(BREAK);
	const frames = lines.map((line) => {
		const [about, json] = line.split(TAB);
		return readFrame(about, json);
	});
	return { instance: instance!, frames };
}
