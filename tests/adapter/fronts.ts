/** A site with a hand-written page server, on either front, over real sockets. */

import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readEnvironment } from '../../adapter/runtime/env.ts';
import { listenNode, listenUws, type Listener } from '../../adapter/runtime/listen.ts';
import type { Backend } from '../../adapter/runtime/probe.ts';
import { createSite, type Site } from '../../adapter/runtime/site.ts';
import { staticFiles, type Prerendered } from '../../adapter/runtime/static.ts';
import { nodeTransport } from '../../adapter/transports/node.ts';
import { selectTransport } from '../../adapter/transports/select.ts';
import { uwsTransport } from '../../adapter/transports/uws.ts';

export type FrontName = 'uws' | 'node';
export const FRONTS: readonly FrontName[] = ['uws', 'node'];

export interface PageContext {
	getClientAddress(): string;
	platform: unknown;
}

export interface FrontOptions {
	respond?: (request: Request, context: PageContext) => Response | Promise<Response>;
	/** Path in the client folder → content, or the bytes of a file that has none. */
	client?: Record<string, string | Buffer | number>;
	prerendered?: Record<string, string>;
	pages?: Record<string, Prerendered>;
	env?: Record<string, string>;
	platform?: unknown;
	/** How the backends stand. */
	backends?: () => readonly Backend[];
}

export interface Front {
	readonly site: Site;
	readonly listener: Listener;
	readonly port: number;
	readonly url: string;
	readonly errors: unknown[];
	close(): Promise<void>;
}

export async function startFront(name: FrontName, options: FrontOptions = {}): Promise<Front> {
	const folder = mkdtempSync(join(tmpdir(), 'realtime-front-'));
	writeTree(join(folder, 'client'), options.client ?? {});
	writeTree(join(folder, 'prerendered'), options.prerendered ?? {});
	const errors: unknown[] = [];
	const environment = readEnvironment(options.env ?? {});
	const site = createSite({
		environment,
		platform: options.platform as never,
		report: (error) => errors.push(error),
		backends: options.backends,
		server: {
			respond: async (request, context) =>
				options.respond?.(request, context) ?? new Response('not here', { status: 404 })
		},
		files: staticFiles({
			client: join(folder, 'client'),
			prerendered: join(folder, 'prerendered'),
			pages: new Map(Object.entries(options.pages ?? {})),
			immutable: '/_app/immutable/'
		})
	});
	const listening = { site, attachment: undefined, host: '127.0.0.1', port: 0 };
	const selected = await selectTransport(name);
	const listener =
		selected.name === 'uws'
			? await listenUws(selected.uws, uwsTransport(), listening)
			: await listenNode(nodeTransport(), listening);
	return {
		site,
		listener,
		port: listener.port,
		url: `http://127.0.0.1:${listener.port}`,
		errors,
		async close() {
			site.abort();
			listener.stop();
			await listener.release();
			rmSync(folder, { recursive: true, force: true });
		}
	};
}

function writeTree(folder: string, files: Record<string, string | Buffer | number>): void {
	mkdirSync(folder, { recursive: true });
	for (const [name, content] of Object.entries(files)) {
		mkdirSync(dirname(join(folder, name)), { recursive: true });
		writeFileSync(join(folder, name), typeof content === 'number' ? '' : content);
		if (typeof content === 'number') truncateSync(join(folder, name), content);
	}
}

/** A promise and the way to settle it. */
export function deferred<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
	let resolve!: (value: T) => void;
	const promise = new Promise<T>((settle) => (resolve = settle));
	return { promise, resolve };
}
