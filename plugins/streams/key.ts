import type { TransportHook } from '../../kernel/values.ts';

const identities = /* @__PURE__ */ new WeakMap<WeakKey, number>();
let count = 0;

/**
 * Writes a value so that two texts are equal exactly when the server would get the same: 1 is not
 * '1', a date is not its text, and the order of an object's keys does not matter. What nothing is
 * known of equals itself only.
 */
export function keyOf(value: unknown, transport: TransportHook): string {
	if (value === undefined || value === null) return String(value);
	const nested = (item: unknown): string => keyOf(item, transport);
	switch (typeof value) {
		case 'number':
			return Object.is(value, -0) ? '-0' : String(value);
		case 'bigint':
			return `${value}n`;
		case 'string':
		case 'boolean':
			return JSON.stringify(value);
		case 'symbol':
			return String(value);
	}
	for (const name in transport) {
		const data = transport[name]!.encode(value);
		if (data) return `@${JSON.stringify(name)}${nested(data)}`;
	}
	if (Array.isArray(value)) return `[${Array.from(value, nested).join()}]`;
	if (value instanceof Date) return `D${value.getTime()}`;
	if (value instanceof Map) return `M${nested([...value])}`;
	if (value instanceof Set) return `S${nested([...value])}`;
	const prototype: unknown = Object.getPrototypeOf(value);
	if (prototype === Object.prototype || prototype === null) {
		const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
		return `{${fields.map(([name, item]) => `${JSON.stringify(name)}:${nested(item)}`).join()}}`;
	}
	if (!identities.has(value)) identities.set(value, (count += 1));
	return `#${identities.get(value)}`;
}
