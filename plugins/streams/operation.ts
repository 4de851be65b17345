/** A change that is shown before the server has confirmed it. */
export interface Operation {
	/** What a call names it by, `send.with({ op })`, so that the events it publishes confirm it. */
	readonly id: string;
	/** Shows the stream without the change, and with all others that are not confirmed. */
	rollback(): void;
	/** Says that the server has it: what is shown is the stream's own again as soon as it holds that. */
	confirm(): void;
}

/** The data that the events of a list, or of a value, go with. */
interface Data<Value> {
	created: Value extends readonly (infer Item)[] ? Item : unknown;
	updated: Value extends readonly (infer Item)[] ? Item : unknown;
	deleted: Value extends readonly (infer Item)[] ? Partial<Item> : unknown;
	set: Value;
}

/** The data of one event on a stream. */
export type DataOf<Value, Event> = Event extends keyof Data<Value> ? Data<Value>[Event] : unknown;
