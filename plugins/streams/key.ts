import type { TransportHook } from '../../kernel/values.ts';
import { isItem } from './merge/list.ts';

const identities = /* @__PURE__ */ new WeakMap<WeakKey, number>();
let count = 0;

/**
 * Writes a value so that two texts are equal exactly when the server would get the same: 1 is not
 * '1', a date is not its text, and the order of an object's keys does not matter. What nothing is
 * known of equals itself only.
 */
export function keyOf(value: unknown, transport: TransportHook): string {
	if (typeof value === 'string') return JSON.stringify(value);
	if (typeof value === 'bigint') return `${value}n`;
	if (!isItem(value)) return Object.is(value, -0) ? '-0' : String(value);
	const nested = (item: unknown): string => keyOf(item, transport);
	for (const name in transport) {
		const data = transport[name]!.encode(value);
		if (data) return `@${nested([name, data])}`;
	}
	if (value instanceof Date) return `D${value.getTime()}`;
	for (const kind of [Array, Map, Set]) {
		if (value instanceof kind) return `${kind.name}[${Array.from(value as never, nested).join()}]`;
	}
	const prototype: unknown = Object.getPrototypeOf(value);
	if (prototype === Object.prototype || prototype === null) {
		return `{${Object.entries(value).map(nested).sort().join()}}`;
	}
	if (!identities.has(value)) identities.set(value, (count += 1));
	return `#${identities.get(value)}`;
}
