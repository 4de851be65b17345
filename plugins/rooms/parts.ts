/** The parts of a room, by their names. */

/** What makes the stub of each part, from its path. */
export interface PartMakers {
	data(path: string): unknown;
	presence(path: string): unknown;
	cursors(path: string): unknown;
	action(path: string): unknown;
}

const PLACES: readonly string[] = ['data', 'presence', 'cursors'];

/**
 * A room as an object. The stubs of its parts are made when they are first asked for: which actions
 * there are, the server knows.
 */
export function partsOf(path: string, makers: PartMakers): Readonly<Record<string, unknown>> {
	const parts = new Map<string, unknown>();
	return new Proxy(Object.create(null) as Record<string, unknown>, {
		get(_target, name) {
			// Who awaits a room, or looks into it, is not calling an action.
			if (typeof name === 'symbol' || name === 'then' || name === 'toJSON') return undefined;
			if (!parts.has(name)) {
				const maker = PLACES.includes(name) ? (name as keyof PartMakers) : 'action';
				parts.set(name, makers[maker](`${path}.${name}`));
			}
			return parts.get(name);
		}
	});
}
