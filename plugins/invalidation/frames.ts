/** What goes over the wire for a tag: shared by both sides. */

/** Stands before the name of a tag. */
export const NAMESPACE = '__tag:';

/** The value of a tag: what a page has to know that has just begun to hear it. */
export interface Age {
	/** Milliseconds since it was last invalidated; `null` where nobody remembers that it was. */
	readonly age: number | null;
}

/** The data of its events. */
export interface Invalidation {
	/** Milliseconds over which those who hear it spread what they do about it. @default 0 */
	readonly spread?: number;
	/** What the query comes to now, where it is known. */
	readonly value?: unknown;
}
