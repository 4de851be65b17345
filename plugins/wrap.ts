/** What stands around a live function, or stream: one way for all that do. */

import {
	declarationOf,
	declared,
	RealtimeError,
	type Declaration,
	type Guard
} from 'svelte-realtime/kernel';
import { rpcFunction } from './rpc/declare.ts';

/** What is live. */
export type LiveExport = ((...args: never[]) => unknown) & {
	readonly '~live': Omit<Declaration, 'parts'>;
};

/** How one wrapper is told from the others. */
export interface Wrapper {
	/** As an author writes it: `live.gate()`. */
	readonly name: string;
	/** What it takes, for whoever gave it something else. */
	readonly wanted: string;
	/** The kinds of what it stands around. @default functions, binary ones too, and streams */
	readonly kinds?: readonly string[];
	/** The service that has to be there for it to mean anything: without it, nothing runs. */
	readonly needs?: string;
}

const KINDS: readonly string[] = ['rpc', 'binary', 'stream'];

/**
 * The same live export with something around it. A bare function is one that `live()` would have made
 * of it. Wrappers of one export stand around each other in any order, and each keeps what the others say.
 *
 * @param change What the declaration says beside, or instead of, what it has said so far.
 * @throws {RealtimeError} RT_LIVE_ARGUMENTS for what the wrapper cannot stand around.
 */
export function wrapped(
	wrapper: Wrapper,
	live: unknown,
	change: (declaration: Declaration) => object
): LiveExport {
	const { kinds = KINDS, name, wanted, needs } = wrapper;
	const isBare = typeof live === 'function' && declarationOf(live) === undefined;
	const inner = (isBare && kinds.includes('rpc') ? rpcFunction(live as never) : live) as LiveExport;
	const declaration = declarationOf(inner);
	// What has parts is several exports in one: what stands around each of them is named in its options.
	const fits = declaration && !declaration.parts && kinds.includes(declaration.kind);
	if (!fits) throw new RealtimeError('RT_LIVE_ARGUMENTS', [name, nameOf(live), wanted]);
	const guard = needs === undefined ? declaration.guard : needing(name, needs, declaration.guard);
	return declared(inner, { ...declaration, guard, ...change(declaration) }) as LiveExport;
}

/** What an author has written, as far as that can be told. */
function nameOf(live: unknown): string {
	const { kind, flavour } = (declarationOf(live) ?? {}) as { kind?: string; flavour?: string };
	return kind === undefined ? typeof live : `live.${flavour ?? kind}()`;
}

/** Nothing runs where no plugin looks at what the wrapper says. */
function needing(name: string, service: string, guard: Guard | undefined): Guard {
	return (ctx: never, ...args: never[]) => {
		if ((ctx as Record<string, unknown>)[service] === undefined) {
			throw new RealtimeError('RT_CAPABILITY_MISSING', [name, service]);
		}
		return guard?.(ctx, ...args);
	};
}
