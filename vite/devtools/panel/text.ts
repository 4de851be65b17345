/** Values, times and sizes in words. */

/** Characters of a preview. */
const LENGTH = 120;

/** A value in one line that is never long. */
export function preview(value: unknown, length: number = LENGTH, depth = 2): string {
	const text = write(value, length, depth);
	return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/** What is in a value, for whoever opens it; undefined for what cannot be opened. */
export function entriesOf(value: unknown): readonly (readonly [string, unknown])[] | undefined {
	if (typeof value !== 'object' || value === null) return undefined;
	if (Array.isArray(value)) return value.map((item, at) => [String(at), item]);
	if (value instanceof Map) {
		return Array.from(value as Map<unknown, unknown>, ([key, item]) => [preview(key, 40, 1), item]);
	}
	if (value instanceof Set) return Array.from(value as Set<unknown>, (item, at) => [`${at}`, item]);
	if (value instanceof Date || value instanceof RegExp || value instanceof Error) return undefined;
	const keys = Object.keys(value);
	return keys.map((key) => [key, read(value as Record<string, unknown>, key)]);
}

/** What a value is, as the colour of it says. */
export function typeOf(value: unknown): string {
	return value === null || value === undefined ? 'nothing' : typeof value;
}

function write(value: unknown, length: number, depth: number): string {
	if (typeof value === 'string') return JSON.stringify(value.slice(0, length));
	if (typeof value === 'bigint') return `${value}n`;
	if (typeof value === 'function') return 'ƒ';
	if (Object.is(value, -0)) return '-0';
	if (typeof value !== 'object' || value === null) return String(value);
	if (value instanceof Date)
		return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
	if (value instanceof RegExp || value instanceof Error) return String(value);
	const entries = entriesOf(value) ?? [];
	const isList = Array.isArray(value) || value instanceof Set;
	const kind = nameOf(value);
	const name = kind === 'Object' || kind === 'Array' ? '' : `${kind} `;
	const [open, close] = isList ? '[]' : '{}';
	if (entries.length === 0) return `${name}${open}${close}`;
	if (depth === 0) return `${name}${open}…${close}`;
	let text = '';
	for (const [key, item] of entries) {
		if (text.length > length) break;
		const written = write(item, length, depth - 1);
		text += `${text && ', '}${isList ? written : `${key}: ${written}`}`;
	}
	return isList ? `${name}[${text}]` : `${name}{ ${text} }`;
}

function nameOf(value: object): string {
	const { constructor } = value as { constructor?: { name?: unknown } };
	return typeof constructor?.name === 'string' ? constructor.name : 'Object';
}

function read(value: Record<string, unknown>, key: string): unknown {
	try {
		return value[key];
	} catch (error) {
		// A getter that throws is what there is to see of it.
		return error;
	}
}

/** `chat/room("lobby", 2)` */
export function signature(path: string, args: readonly unknown[]): string {
	if (args.length === 0) return path;
	return `${path}(${args.map((argument) => preview(argument, 40, 1)).join(', ')})`;
}

/** @param bytes Also per second. */
export function size(bytes: number): string {
	if (bytes < 1000) return `${Math.round(bytes)} B`;
	const [amount, unit] = bytes < 1_000_000 ? [bytes / 1000, 'kB'] : [bytes / 1_000_000, 'MB'];
	return `${amount.toFixed(amount < 10 ? 1 : 0)} ${unit}`;
}

/** @param ms Milliseconds. */
export function duration(ms: number): string {
	return ms < 10_000 ? `${Math.round(ms)} ms` : `${Number((ms / 1000).toFixed(1))} s`;
}

/** @param at Milliseconds since the Unix epoch. */
export function timeOfDay(at: number): string {
	const date = new Date(at);
	const two = (part: number): string => String(part).padStart(2, '0');
	const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
	return `${time}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** A number of things: `1 event`, `3 events`, `2 entries`. */
export function count(amount: number, thing: string): string {
	return `${amount} ${amount === 1 ? thing : `${thing}s`.replace(/ys$/, 'ies')}`;
}
