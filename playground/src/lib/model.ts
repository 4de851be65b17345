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

/** A guest, as everyone sees them. */
export interface Visitor {
	readonly id: string;
	readonly name: string;
	/** Degrees on the wheel of colours. */
	readonly hue: number;
}

/** A sticky note. Places are fractions of the board's width and height. */
export interface Note {
	readonly id: string;
	readonly text: string;
	/** Left edge, 0 to 1. */
	readonly x: number;
	/** Top edge, 0 to 1. */
	readonly y: number;
	/** Of whoever stuck it there. */
	readonly hue: number;
}

/** Notes that fit on a board; more are refused. */
export const NOTES_KEPT = 200;

/** Characters that fit on a note. */
export const NOTE_LENGTH = 140;
