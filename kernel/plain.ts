/**
 * Whether `JSON.stringify` keeps this value as it is.
 *
 * A property that is `undefined` counts as kept: it reads as `undefined` on the other side too.
 * Cycles are found by their depth, which costs nothing on the values that matter: what is nested
 * more than 100 deep is left to devalue.
 */
export function isPlain(value: unknown, depth: number = 0): boolean {
	const type = typeof value;
	if (type === 'number') return Number.isFinite(value) && !Object.is(value, -0);
	if (value === null || type === 'string' || type === 'boolean') return true;
	if (!value || type !== 'object' || depth > 100) return false;
	if (Array.isArray(value)) {
		for (let i = 0; i < value.length; i += 1) if (!isPlain(value[i], depth + 1)) return false;
		return true;
	}
	const prototype: unknown = Object.getPrototypeOf(value);
	if (prototype !== Object.prototype && prototype !== null) return false;
	for (const key in value) {
		const item = (value as Record<string, unknown>)[key];
		if (item !== undefined && !isPlain(item, depth + 1)) return false;
	}
	return Object.getOwnPropertySymbols(value).length === 0 && !Object.hasOwn(value, '__proto__');
}
