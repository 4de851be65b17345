/** Which transport this process can run on, and why. */

import { createRequire } from 'node:module';
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

export interface SelectOptions {
	/** What the server is to do and uWebSockets.js cannot, as a sentence without its end. */
	readonly obstacle?: string | undefined;
	/** Says nothing of what is selected, as another process of this server does. @default false */
	readonly isQuiet?: boolean;
	/** Loads uWebSockets.js, at once. */
	readonly load?: () => unknown;
}

/**
 * Selects the transport: uWebSockets.js where its native addon runs, else Node, with a warning.
 *
 * @param wanted Forces one; `undefined` selects.
 * @throws {RealtimeError} RT_TRANSPORT_UNAVAILABLE when `uws` is wanted and cannot be used.
 */
export async function selectTransport(
	wanted: 'uws' | 'node' | undefined,
	{ obstacle, isQuiet = false, load = loadUws }: SelectOptions = {}
): Promise<SelectedTransport> {
	if (wanted === 'node') return { name: 'node' };
	const found = obstacle === undefined ? find(load) : { reason: obstacle };
	if (found.uws) return { name: 'uws', uws: found.uws };
	if (wanted === 'uws') {
		throw new RealtimeError('RT_TRANSPORT_UNAVAILABLE', [found.reason], { cause: found.cause });
	}
	if (!isQuiet && !told.has(found.reason)) {
		told.add(found.reason);
		const cure = obstacle === undefined ? ` ${CURE}` : '';
		console.warn(
			`[svelte-realtime] Running on the slower Node transport, since uWebSockets.js cannot be used: ${found.reason}.${cure}`
		);
	}
	return { name: 'node', reason: found.reason };
}

type Found =
	| { readonly uws: UwsModule }
	| { readonly uws?: undefined; readonly reason: string; readonly cause?: unknown };

function find(load: () => unknown): Found {
	let module: Partial<UwsModule> | null;
	let said: string;
	try {
		[module, said] = quietly(() => load() as typeof module);
	} catch (cause) {
		return { reason: isAbsent(cause) ? 'it is not installed' : failure(cause), cause };
	}
	if (typeof module?.App !== 'function') return { reason: 'the module has no `App`' };
	if (!/\[native code\]/.test(Function.prototype.toString.call(module.App))) {
		// A package prints it when it is loaded for the first time only.
		if (!excuses.has(module)) excuses.set(module, said && ` (${said})`);
		const why = excuses.get(module)!;
		return {
			reason: `its native addon does not load here${why}, and it emulates itself in JavaScript`
		};
	}
	return { uws: module as UwsModule };
}

/** What a package that emulates itself has said to that. */
const excuses = new WeakMap<object, string>();

/** Bytes of request line and headers: as many as Node takes. 20.30 does not know of it. */
const HEADERS_SIZE = '16384';

/** It is a module that is loaded in one go, so that nothing else can print something meanwhile. */
function loadUws(): unknown {
	// The addon looks at it once, when it is loaded.
	process.env['UWS_HTTP_MAX_HEADERS_SIZE'] ??= HEADERS_SIZE;
	return createRequire(import.meta.url)('uWebSockets.js');
}

/** Does something, and returns the line that it prints with an error in it: we tell that ourselves. */
function quietly<T>(work: () => T): [T, string] {
	const lines: string[] = [];
	const { warn, log } = console;
	console.warn = console.log = (...text) => void lines.push(...text.join(' ').split('\n'));
	try {
		const result = work();
		return [result, lines.find((line) => /error/i.test(line))?.trim() ?? ''];
	} finally {
		Object.assign(console, { warn, log });
	}
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
	// Node says on several lines which version an addon is for.
	const [first = ''] = message.trim().split(/\n(?:Require stack|Please)/);
	return `it does not load: ${first.replace(/\s+/g, ' ').replace(/\.$/, '')}`;
}
