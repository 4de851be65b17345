/** How an export of a live module says what it is. */

import type { StandardSchemaV1 } from '@standard-schema/spec';

/** What stands behind a live export, under its `~live` property. Plugins declare kinds of their own. */
export interface Declaration {
	/** Decides what runs the declaration, whatever a client asks for. */
	readonly kind: string;
	/** Checks the first argument. */
	readonly schema: StandardSchemaV1 | undefined;
}

/** A function that does what `run` does and carries the declaration. `run` itself is left alone. */
export function declared(
	run: (...args: never[]) => unknown,
	declaration: object
): (...args: never[]) => unknown {
	const live = (...args: never[]): unknown => run(...args);
	return Object.defineProperty(live, '~live', { value: Object.freeze(declaration) });
}

/** The declaration behind an export, if it is a live one. */
export function declarationOf(value: unknown): Declaration | undefined {
	if (typeof value !== 'function' || !Object.hasOwn(value, '~live')) return undefined;
	return (value as unknown as { '~live': Declaration })['~live'];
}
