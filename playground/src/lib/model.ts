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
