/** From an app's config and live modules to a running kernel. */

import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../kernel/clock.ts';
import { checkConfig, isSamePreset, pluginsOf, type RealtimeConfig } from '../../kernel/config.ts';
import { createKernel, type Kernel } from '../../kernel/kernel.ts';
import type { Plugin } from '../../kernel/plugin.ts';
import type { Transport } from '../../kernel/transport.ts';
import { createValueCodec, type TransportHook } from '../../kernel/values.ts';
import type { WorkerLink } from '../../plugins/workers/index.ts';
import { single } from '../../presets/index.ts';
import { createPlatform, type RealtimePlatform } from '../platform.ts';
import { withShared } from '../workers/shared.ts';
import type { KitErrorTests } from './kit-errors.ts';
import { serveKit, type KitServing } from './kit-serving.ts';

/** What the Vite plugin's server module loads. */
export interface AppDefinition {
	/** Default export of realtime.config; none means `single()`. */
	readonly config?: RealtimeConfig | undefined;
	/** `transport` of src/hooks. */
	readonly transport?: TransportHook | undefined;
	/** Module path (`admin/users`) → the module's exports. */
	readonly modules: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
	/** Of the Vite plugin: a module that says nothing of who may use it is an error. @default false */
	readonly requireGuard?: boolean | undefined;
	/** SvelteKit's own tests for its errors. */
	readonly errors?: KitErrorTests | undefined;
	/** Whether some live module imports `getRequestEvent`. @default false */
	readonly requestEvents?: boolean | undefined;
	/** Paths of the modules whose functions run in a request of their own by default. @default [] */
	readonly fresh?: readonly string[] | undefined;
}

export interface AppOptions {
	readonly transport: Transport;
	/** Reports what is only worth saying while an app is written. @default false */
	readonly dev?: boolean;
	/** @default the machine's clock */
	readonly clock?: Clock;
	/** Hears of every error that no client may see. @default console.error */
	readonly report?: (plugin: string, error: unknown) => void;
	/** SvelteKit, where it serves the app. @default `user` of the config is not asked */
	readonly kit?: KitServing | undefined;
	/** Leads to what the workers of one host share. @default this process is no worker */
	readonly shared?: WorkerLink | undefined;
	/** Whether the stubs that pages are rendered with find this app. @default true */
	readonly isFound?: boolean;
}

export interface App {
	readonly kernel: Kernel;
	readonly platform: RealtimePlatform;
	/** What a page fails with that could not load a stream. */
	forPage(error: unknown): unknown;
	/** Swaps the live functions in one step; connections stay, running calls end as they began. */
	replace(definition: AppDefinition): void;
	/**
	 * Swaps what a changed config changes: plugins of the app's own, and live functions. Connections
	 * stay, but for those that follow something through a plugin that goes.
	 *
	 * @returns false when more has changed, and only a new app can have it: nothing has happened then.
	 * @throws whatever a plugin throws while it is set up: nothing has happened then either.
	 */
	change(definition: AppDefinition): Promise<boolean>;
	/** Ends every connection and shuts the plugins down. */
	close(): Promise<void>;
}

/** What an app is told that has left the plugin out. */
const ABSENT = { status: 'rejected', code: 'SERVICE_UNAVAILABLE' } as const;

/** Where code that is bundled on its own finds the app that runs in this process. */
const APP: unique symbol = Symbol.for('svelte-realtime.app') as never;

interface Registry {
	[APP]?: App;
}

/**
 * Boots the kernel of an app and makes it the one that server-side stubs find.
 *
 * @throws {RealtimeError} When the config or a plugin is not as it must be.
 */
export async function createApp(definition: AppDefinition, options: AppOptions): Promise<App> {
	const config = configOf(definition);
	const preset = config.preset ?? single();
	const { dev = false, report } = options;
	let current = definition;
	const kit = options.kit && serveKit(options.kit, { definition: () => current, dev, report });
	const listOf = (plugins: readonly Plugin[] = []): readonly Plugin[] =>
		withShared(
			pluginsOf({ preset, plugins: kit ? [kit.plugin, ...plugins] : plugins }, single),
			options.shared,
			preset
		);
	const kernel = createKernel({
		plugins: listOf(config.plugins),
		transport: options.transport,
		values: createValueCodec(definition.transport),
		dev,
		...(options.clock && { clock: options.clock }),
		...(kit ? { report: kit.report } : report && { report }),
		...(config.limits && { limits: config.limits }),
		...(config.origins && { origins: config.origins }),
		...(config.topics && { topics: config.topics })
	});
	await kernel.start();

	const replace = (next: AppDefinition): void => {
		const { modules, requireGuard = false, fresh = [] } = next;
		kernel.find('rpc')?.mount(modules, { requireGuard, fresh });
		current = next;
	};
	try {
		replace(definition);
	} catch (error) {
		// What is not mounted protects nobody: nothing of it stays behind, and nothing is served.
		await kernel.shutdown();
		throw error;
	}

	const app: App = {
		kernel,
		async change(next) {
			const {
				preset: nextPreset = single(),
				plugins: nextPlugins = [],
				// Looked up each time that it is asked.
				user: _nextUser,
				...rest
			} = configOf(next);
			const { preset: _preset, plugins: _plugins, user: _user, ...settings } = config;
			if (next.transport !== definition.transport || !isDeepStrictEqual(rest, settings))
				return false;
			if (!isSamePreset(preset, nextPreset, isDeepStrictEqual)) return false;
			// The preset's own plugins are those that run: only what is another object is replaced.
			await kernel.change(listOf(nextPlugins), () => replace(next));
			return true;
		},
		forPage: kit?.forPage ?? ((error) => error),
		platform: createPlatform((topic, event, data) => kernel.publish(topic, event, data), {
			revoke: (whose, how) => kernel.find('identity')?.revoke(whose, how) ?? 0,
			signal: (user, event, ...data) =>
				kernel.find('signal')?.(user, event, ...data) ?? { ...ABSENT, connections: 0 },
			invalidate: (...args) => kernel.find('invalidate')?.(...args) ?? ABSENT
		}),
		replace,
		async close() {
			await kernel.shutdown();
			// A successor may have taken the place already, as when the dev server restarts.
			if (registry[APP] === app) delete registry[APP];
		}
	};
	if (options.isFound !== false) registry[APP] = app;
	return app;
}

function configOf({ config }: AppDefinition): RealtimeConfig {
	return config === undefined ? {} : checkConfig(config);
}

const registry = globalThis as Registry;
