/** Values of labels, of which there is a bounded number: each is a series that is kept for ever. */

/** A path that no live export has: it comes from a client, and could be anything. */
const UNKNOWN = '__unknown__';
/** What is no path at all. */
const INVALID = '__invalid__';
/** Past the most values that one label has. */
const OTHER = '__other__';

const PATH = /^[\w-]+(\/[\w-]+)+(\.\w+)?$/;

/** The path where the server has it; else one of two words. */
export function pathLabel(path: unknown, known: ReadonlySet<string>): string {
	if (typeof path !== 'string') return INVALID;
	if (known.has(path)) return path;
	return path.length <= 256 && PATH.test(path) ? UNKNOWN : INVALID;
}

/** Passes the first values as they are, and folds all later ones. @param most @default 100 */
export function bounded(most: number = 100): (value: string) => string {
	const values = new Set<string>();
	return (value) => {
		if (values.has(value)) return value;
		if (values.size >= most) return OTHER;
		values.add(value);
		return value;
	};
}
