/** An app in a test: its server without a network, and its clients. */

import { createApp, type App } from '../adapter/runtime/app.ts';
import type { RealtimePlatform } from '../adapter/platform.ts';
import type { ClientOptions } from '../kernel/client/configure.ts';
import type { RealtimeConfig } from '../kernel/config.ts';
import type { Declaration } from '../kernel/declaration.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { definePlugin } from '../kernel/plugin.ts';
import type { RequestEvent } from '../kernel/request-event.ts';
import { VirtualClock } from '../kernel/testing/clock.ts';
import { end, watch, type Watched } from '../kernel/testing/leaks.ts';
import { fakeTransport } from '../kernel/testing/transport.ts';
import type { MaybePromise } from '../kernel/transport.ts';
import type { TransportHook } from '../kernel/values.ts';
import type { RegisteredUser } from '../plugins/rpc/context.ts';
import {
	createTestClient,
	ORIGIN,
	type KeptClient,
	type TestClient,
	type Visitor
} from './client.ts';
import { kitErrorTests, kitOf, type AppHooks } from './kit.ts';
import { readModules, type GivenModules } from './modules.ts';

export interface TestEnvOptions {
	/**
	 * The live modules, by file or by path: `import.meta.glob('../src/live/**\/*.ts', { eager: true })`,
	 * or `{ chat: await import('../src/live/chat') }`. A function is asked again at each start.
	 */
	modules: GivenModules | (() => MaybePromise<GivenModules>);
	/** Default export of realtime.config. @default none: the preset `single()` */
	config?: RealtimeConfig;
	/** `transport` of src/hooks. */
	transport?: TransportHook;
	/** Exports of src/hooks.server: `handle` runs for every visitor. @default none */
	hooks?: AppHooks;
	/** As the Vite plugin's option of that name. @default false */
	requireGuard?: boolean;
	/** As the Vite plugin's option of that name: which part of a file's path is no part of the live path. @default 'src/live' */
	dir?: string;
	/** What the clock shows at first, in milliseconds since the Unix epoch. @default the beginning of 2026, UTC */
	now?: number;
	/** Options of every client. */
	client?: Omit<ClientOptions, 'url' | 'path' | 'WebSocket' | 'clock'>;
}

/** An app in a test. */
export interface TestEnv extends AsyncDisposable {
	/** Stands still until the test turns it; moves everything that the server and the clients do by the time. */
	readonly clock: VirtualClock;
	/** As SvelteKit's `event.platform`. */
	readonly platform: RealtimePlatform;
	/** Publishes as the server. */
	readonly publish: RealtimePlatform['publish'];
	/** The server's kernel of now, for the services of plugins: `env.kernel.use('presence')`. */
	readonly kernel: Kernel;
	/** What no client has been told: take out what the test expects, `env.errors.splice(0)`. */
	readonly errors: { readonly plugin: string; readonly error: unknown }[];
	/** `module/function` of every live export. */
	paths(): readonly string[];
	/**
	 * Opens a page.
	 *
	 * @param user Becomes `ctx.user`, whatever the app makes of the request; `user` of the config is not
	 * asked then. Where it is left out, what the app says counts. `handle` and the gates run either way.
	 * @throws {LiveError} what the gates refuse with.
	 */
	connect(user?: RegisteredUser | null, visitor?: Visitor): Promise<TestClient>;
	/**
	 * Ends the server and starts it again: what was in its memory is gone. Resolves when the clients that
	 * were connected are back; the clock stays where it is.
	 */
	restart(): Promise<void>;
	/**
	 * Closes every client and ends the server.
	 *
	 * @throws {Error} naming what is left: errors that nobody took, timers, connections, subscriptions.
	 */
	close(): Promise<void>;
}

/** Where the clock begins: a test may count on it, and it looks like a time. */
const BEGINNING = Date.UTC(2026, 0, 1);

export async function startEnv(options: TestEnvOptions): Promise<TestEnv> {
	const { modules, config = {}, dir = 'src/live', requireGuard } = options;
	const clock = new VirtualClock(options.now ?? BEGINNING);
	const transport = fakeTransport();
	const errors: { plugin: string; error: unknown }[] = [];
	/** Whom the test has said to be connecting, by what their requests have in the header VISITOR. */
	const users = new Map<string, unknown>();
	let visitors = 0;
	const clients = new Set<KeptClient>();
	const hasKit = options.hooks !== undefined || config.user !== undefined;
	const kit = hasKit ? kitOf(options.hooks ?? {}, ORIGIN) : undefined;
	const kitErrors = hasKit ? await kitErrorTests() : {};
	let app: App | undefined;
	let paths: ReadonlyMap<string, Declaration> = new Map();

	async function start(): Promise<void> {
		const given = typeof modules === 'function' ? await modules() : modules;
		const definition = {
			modules: await readModules(given, dir),
			config: withUsers(config, users),
			transport: options.transport,
			requireGuard,
			...kitErrors
		};
		const report = (plugin: string, error: unknown): void => void errors.push({ plugin, error });
		app = await createApp(definition, { transport, clock, report, kit, isFound: false });
		app.kernel.use('rpc').watch((_declarations, now) => void (paths = now));
	}

	function running(): App {
		if (app) return app;
		throw new Error('The environment has ended, or is being restarted.');
	}

	async function stop(): Promise<void> {
		const ended = app;
		app = undefined;
		await ended?.close();
	}

	await start();
	const watched: Watched = {
		clock,
		transport,
		errors,
		label: '',
		limits: running().kernel.limits,
		async shutdown() {
			for (const client of [...clients]) await client.close();
			await stop();
		}
	};
	watch(watched);

	const env: TestEnv = {
		clock,
		errors,
		publish: (...given) => running().platform.publish(...given),
		get platform() {
			return running().platform;
		},
		get kernel() {
			return running().kernel;
		},
		paths: () => [...paths.keys()],
		async connect(user, visitor = {}) {
			running();
			const id = `${(visitors += 1)}`;
			if (user !== undefined) users.set(id, user);
			const client = createTestClient(
				{
					server: { transport, kernel: () => app?.kernel },
					clock,
					options: {
						...options.client,
						...(options.transport && { transport: options.transport })
					},
					find: (path) => paths.get(path),
					headers: { [VISITOR]: id },
					kit,
					left: (leaving) => clients.delete(leaving as KeptClient)
				},
				visitor
			);
			clients.add(client);
			try {
				await client.reconnect();
			} catch (error) {
				await client.close();
				throw error;
			}
			return client;
		},
		async restart() {
			const were = [...clients].filter(({ connection }) => connection.status === 'open');
			await stop();
			await start();
			await Promise.all(were.map((client) => client.reconnect()));
		},
		close: () => end([watched]),
		[Symbol.asyncDispose]: () => env.close()
	};
	return env;
}

/** In the requests of a test's clients: which of them it is. */
const VISITOR = 'test-visitor';

/** The config, in which somebody is who the test says. */
function withUsers(config: RealtimeConfig, users: ReadonlyMap<string, unknown>): RealtimeConfig {
	const { user: userOf, plugins = [] } = config;
	const given = definePlugin({
		name: 'test-user',
		setup: ({ hook }) =>
			void hook(
				'upgrade',
				({ request, data }) => {
					const id = request.headers[VISITOR] ?? '';
					if (users.has(id)) data.user = users.get(id);
				},
				{ order: 'post' }
			)
	});
	return {
		...config,
		plugins: [...plugins, given],
		...(userOf && {
			user(event: RequestEvent) {
				const id = event.request.headers.get(VISITOR) ?? '';
				return users.has(id) ? users.get(id) : userOf(event);
			}
		})
	};
}
