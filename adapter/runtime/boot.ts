/** Boots SvelteKit, then the kernel, then the site, up to where somebody has to listen. */

import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { systemClock } from '../../kernel/clock.ts';
import type { Transport } from '../../kernel/transport.ts';
import type { WorkerLink } from '../../plugins/workers/index.ts';
import { platformWith } from '../hooks.ts';
import type { Attachment } from '../transports/attachment.ts';
import { createApp, type App as RunningApp, type AppDefinition } from './app.ts';
import type { Environment } from './env.ts';
import type { KitServing } from './kit-serving.ts';
import { leave } from './leave.ts';
import type { ShutdownSteps } from './shutdown.ts';
import { createSite, type KitServer, type Site } from './site.ts';
import { staticFiles, type LargeFiles, type Prerendered } from './static.ts';

export interface BootOptions {
	/** SvelteKit's server, not yet initialised, or what loads it: a supervisor has no need of it. */
	readonly server: KitServer | (() => Promise<KitServer>);
	/** Loads config and live modules; absent where the app has none, and then no socket is opened. */
	readonly load?: (() => Promise<AppDefinition>) | undefined;
	/** Folder that holds `client/` and `prerendered/`. */
	readonly directory: string;
	/** `kit.paths.base`. @default '' */
	readonly base?: string;
	/** `kit.appDir`. @default '_app' */
	readonly appDir?: string;
	/** Decoded path and what was prerendered there. @default [] */
	readonly prerendered?: Iterable<readonly [path: string, page: Prerendered]>;
	/** ETags of files that are too large to be hashed when they are asked for. */
	readonly etags?: LargeFiles;
	/** Stands before the name of every variable. @default '' */
	readonly envPrefix?: string;
	/** Own origin where ORIGIN is not set. */
	readonly origin?: string | undefined;
	/** @default process.env */
	readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface Surroundings {
	readonly environment: Environment;
	/** Leads to what workers share. */
	readonly shared?: WorkerLink | undefined;
	/** @param wanted What the app's config asks for. */
	transport(wanted: 'uws' | 'node' | undefined): Promise<Transport>;
}

export interface Booted {
	readonly app: RunningApp | undefined;
	readonly site: Site;
	/** The socket; absent where the app has none. */
	readonly attachment: Attachment | undefined;
	/** The part of the end that is the same wherever the app runs. */
	end(siblings: readonly string[] | undefined): Pick<ShutdownSteps, 'site' | 'leave' | 'closeApp'>;
}

/**
 * Boots an app. Its own modules are loaded last: before `Server.init`, `$env/dynamic/private` is empty.
 *
 * @throws {RealtimeError} For a wrong config.
 */
export async function boot(options: BootOptions, around: Surroundings): Promise<Booted> {
	const { directory, base = '', appDir = '_app', env = process.env } = options;
	const { environment, shared } = around;
	const server = typeof options.server === 'function' ? await options.server() : options.server;
	await server.init({
		env: env as Record<string, string>,
		read: (file) =>
			Readable.toWeb(createReadStream(join(directory, 'client', base, file))) as ReadableStream
	});
	const definition = await options.load?.();
	const transport = await around.transport(definition?.config?.transport);
	let platform: App.Platform | undefined;
	const kit: KitServing = {
		path: `${base}/ws`,
		origin: environment.fixedOrigin,
		respond: (request, slot, ip) =>
			server.respond(request, {
				platform: platformWith(platform, slot) as App.Platform,
				getClientAddress: () => ip
			})
	};
	const app = definition && (await createApp(definition, { transport, kit, shared }));
	platform = app?.platform;

	const site = createSite({
		server,
		environment,
		platform,
		own: () => app?.kernel.find('metrics.page'),
		backends: () => app?.kernel.find('health')?.states() ?? [],
		files: staticFiles({
			client: join(directory, 'client'),
			prerendered: join(directory, 'prerendered', base),
			pages: new Map(options.prerendered),
			etags: options.etags,
			immutable: `${base}/${appDir}/immutable/`
		})
	});
	const leaving = {
		kernel: app?.kernel,
		clock: app?.kernel.clock ?? systemClock,
		spread: environment.shutdownSpread
	};
	return {
		app,
		site,
		attachment: app && { path: kit.path, host: app.kernel, resolve: resolver(environment) },
		end: (siblings) => ({
			site,
			leave: (deadline) => leave(leaving, siblings, deadline),
			closeApp: app && (() => app.close())
		})
	};
}

/** A socket whose own origin cannot be told is refused, as a page is. */
function resolver(environment: Environment): Environment['resolve'] {
	return (headers, socketAddress) => {
		const resolved = environment.resolve(headers, socketAddress);
		if (resolved.origin === undefined) throw new Error('The request names no valid host.');
		return resolved;
	};
}
