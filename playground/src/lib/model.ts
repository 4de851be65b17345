/** What the visitors share, as the server keeps it and the page shows it. */

export interface Message {
	readonly id: string;
	readonly name: string;
	readonly text: string;
	/** Milliseconds since 1970, by the server's clock. */
	readonly at: number;
}

export interface Todo {
	readonly id: string;
	readonly text: string;
	readonly done: boolean;
}

/** Messages kept; the oldest go first. */
export const MESSAGES_KEPT = 100;

/** To-dos that fit on the list; more are refused. */
export const TODOS_KEPT = 200;

/** Somebody, as everyone sees them. */
export interface Visitor {
	readonly id: string;
	readonly name: string;
	/** Degrees on the wheel of colours. */
	readonly hue: number;
	/** A guest has not signed in. */
	readonly role: 'guest' | 'member' | 'admin';
}

/** A sticky note. Its place is a fraction of the room that a board leaves it, however large that is. */
export interface Note {
	readonly id: string;
	readonly text: string;
	/** 0 at the left edge, 1 at the right one. */
	readonly x: number;
	/** 0 at the top, 1 at the bottom. */
	readonly y: number;
	/** Of whoever stuck it there. */
	readonly hue: number;
}

/** Notes that fit on a board; more are refused. */
export const NOTES_KEPT = 200;

/** Characters that fit on a note. */
export const NOTE_LENGTH = 140;

/** What the server has counted since it started. */
export interface Counts {
	/** Connections that are open. */
	readonly open: number;
	readonly tallies: Readonly<Record<string, number>>;
	/** By path, the latest last. */
	readonly timings: Readonly<Record<string, Timing>>;
}

export interface Timing {
	readonly calls: number;
	/** Milliseconds of all of them. */
	readonly total: number;
}

/** What the server measured of itself at one time. */
export interface Sample {
	/** Milliseconds since 1970, by the server's clock. */
	readonly at: number;
	/** Part of the time since the one before in which it was at work, 0 to 1. */
	readonly busy: number;
	/** Bytes that the process holds. */
	readonly memory: number;
}

/** Samples that a chart shows; the oldest go first. */
export const SAMPLES_KEPT = 60;

/** A file that somebody has put on the shelf. */
export interface SharedFile {
	readonly id: string;
	readonly name: string;
	/** Bytes. */
	readonly size: number;
	/** Who put it there. */
	readonly by: string;
}

/** Files that fit on the shelf; the oldest give way. */
export const FILES_KEPT = 8;

/** Bytes of the largest file that is taken. */
export const FILE_SIZE = 5 * 1024 * 1024;
