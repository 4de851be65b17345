/** From an app's config and live modules to a running kernel. */

import { isDeepStrictEqual } from 'node:util';
import { checkConfig, isSamePreset, pluginsOf, type RealtimeConfig } from '../../kernel/config.ts';
import { createKernel, type Kernel } from '../../kernel/kernel.ts';
import type { Transport } from '../../kernel/transport.ts';
import { createValueCodec, type TransportHook } from '../../kernel/values.ts';
import { single } from '../../presets/index.ts';
import { createPlatform, type RealtimePlatform } from '../platform.ts';

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
}

export interface AppOptions {
	readonly transport: Transport;
	/** Reports what is only worth saying while an app is written. @default false */
	readonly dev?: boolean;
}

export interface App {
	readonly kernel: Kernel;
	readonly platform: RealtimePlatform;
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
	const kernel = createKernel({
		plugins: pluginsOf({ ...config, preset }, single),
		transport: options.transport,
		values: createValueCodec(definition.transport),
		dev: options.dev ?? false,
		...(config.limits && { limits: config.limits }),
		...(config.origins && { origins: config.origins }),
		...(config.topics && { topics: config.topics })
	});
	await kernel.start();

	const replace = ({ modules, requireGuard = false }: AppDefinition): void =>
		kernel.find('rpc')?.mount(modules, { requireGuard });
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
			const { preset: nextPreset = single(), plugins: nextPlugins = [], ...rest } = configOf(next);
			const { preset: _preset, plugins: _plugins, ...settings } = config;
			if (next.transport !== definition.transport || !isDeepStrictEqual(rest, settings))
				return false;
			if (!isSamePreset(preset, nextPreset, isDeepStrictEqual)) return false;
			// The preset's own plugins are those that run: only what is another object is replaced.
			const plugins = pluginsOf({ preset, plugins: nextPlugins }, single);
			await kernel.change(plugins, () => replace(next));
			return true;
		},
		platform: createPlatform((topic, event, data) => kernel.publish(topic, event, data)),
		replace,
		async close() {
			await kernel.shutdown();
			// A successor may have taken the place already, as when the dev server restarts.
			if (registry[APP] === app) delete registry[APP];
		}
	};
	registry[APP] = app;
	return app;
}

function configOf({ config }: AppDefinition): RealtimeConfig {
	return config === undefined ? {} : checkConfig(config);
}

const registry = globalThis as Registry;
