/** How an export of a live module says what it is. */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { MaybePromise } from './transport.ts';

/** What stands behind a live export, under its `~live` property. Plugins declare kinds of their own. */
export interface Declaration {
	/** Decides what runs the declaration, whatever a client asks for. */
	readonly kind: string;
	/** Checks one argument. */
	readonly schema: StandardSchemaV1 | undefined;
	/** Which one, counted from 0. @default 0 */
	readonly schemaAt?: number;
	/**
	 * Asked before anything else of the declaration runs, with the checked arguments: `false` refuses
	 * with FORBIDDEN, an error with itself.
	 *
	 * @param ctx What the function itself is handed.
	 */
	readonly guard?: Guard | undefined;
	/**
	 * What it runs in, where a framework serves the app: the request that its connection began with, or
	 * one of its own. @default 'connection'
	 */
	readonly context?: 'connection' | 'request' | undefined;
	/** Live exports of its own, each mounted as `module/export.part`. */
	readonly parts?: Readonly<Record<string, unknown>> | undefined;
}

/** Says whether somebody may; see Declaration. */
export type Guard = (ctx: never, ...args: never[]) => MaybePromise<boolean | void>;

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
