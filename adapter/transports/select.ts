/** Which transport this process can run on, and why. */

import { RealtimeError } from '../../kernel/errors.ts';

export type UwsModule = typeof import('uWebSockets.js');

export type SelectedTransport =
	| { readonly name: 'uws'; readonly uws: UwsModule }
	| {
			readonly name: 'node';
			/** Why uWebSockets.js is not used; absent where `node` was asked for. */
			readonly reason?: string;
	  };

const CURE =
	'Install a release of uWebSockets.js that is built for this Node.js, operating system and C library ' +
	'(github.com/uNetworking/uWebSockets.js), or set `transport: "node"` in realtime.config to settle for Node.';

/** A reason is told once, however often a transport is selected. */
const told = new Set<string>();

/**
 * Selects the transport: uWebSockets.js where its native addon runs, else Node, with a warning.
 *
 * @param wanted Forces one; `undefined` selects.
 * @param load Imports uWebSockets.js; a promise or the module.
 * @throws {RealtimeError} RT_TRANSPORT_UNAVAILABLE when `uws` is wanted and cannot be used.
 */
export async function selectTransport(
	wanted: 'uws' | 'node' | undefined,
	load: () => unknown = () => import('uWebSockets.js')
): Promise<SelectedTransport> {
	if (wanted === 'node') return { name: 'node' };
	const found = await find(load);
	if (found.uws) return { name: 'uws', uws: found.uws };
	if (wanted === 'uws') {
		throw new RealtimeError('RT_TRANSPORT_UNAVAILABLE', [found.reason], { cause: found.cause });
	}
	if (!told.has(found.reason)) {
		told.add(found.reason);
		console.warn(
			`[svelte-realtime] Running on the slower Node transport, since uWebSockets.js cannot be used: ${found.reason}. ${CURE}`
		);
	}
	return { name: 'node', reason: found.reason };
}

type Found =
	| { readonly uws: UwsModule }
	| { readonly uws?: undefined; readonly reason: string; readonly cause?: unknown };

async function find(load: () => unknown): Promise<Found> {
	let module: Partial<UwsModule> & { default?: Partial<UwsModule> };
	try {
		module = ((await load()) ?? {}) as typeof module;
	} catch (cause) {
		return { reason: isAbsent(cause) ? 'it is not installed' : failure(cause), cause };
	}
	// A CommonJS module without a wrapper has its exports in `default` only.
	const uws = module.App ? module : module.default;
	if (typeof uws?.App !== 'function') return { reason: 'the module has no `App`' };
	if (!/\[native code\]/.test(Function.prototype.toString.call(uws.App))) {
		return { reason: 'its native addon does not load here, and it emulates itself in JavaScript' };
	}
	return { uws: uws as UwsModule };
}

/** The package itself is missing, not a file that it asks for. */
function isAbsent(error: unknown): boolean {
	const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
	return (
		(code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') &&
		/'uWebSockets\.js'/.test(String(message))
	);
}

function failure(error: unknown): string {
	const message = error instanceof Error ? error.message : String(error);
	return `it does not load: ${message.trim().split('\n', 1)[0]!.replace(/\.$/, '')}`;
}
