/** The SvelteKit adapter: a built app that runs on uWebSockets.js, or on Node, with `node build`. */

import type { Adapter } from '@sveltejs/kit';
import { adapt } from './adapt.ts';
import type { RealtimePlatform } from './platform.ts';

export type { RealtimePlatform, TopicHelper } from './platform.ts';

export interface AdapterOptions {
	/** Folder that the app is built into. @default 'build' */
	out?: string;
	/** Whether static files and prerendered pages are compressed beforehand. @default true */
	precompress?: boolean;
	/** Stands before the name of every environment variable: `MY_` reads MY_PORT. @default '' */
	envPrefix?: string;
}

/** What Kit 3 knows of an adapter beyond what Kit 2 does. */
interface ViteExtension {
	vite(): { plugins: { post: unknown[] } };
}

/**
 * Builds the app for `node build`. Works with SvelteKit 2.60 and above, and with 3.
 *
 * With Kit 3 it brings the Vite plugin along; with Kit 2 add `realtime()` to vite.config.
 *
 * @example svelte.config.js: kit: { adapter: adapter() }
 */
export default function adapter(options: AdapterOptions = {}): Adapter {
	const self: Adapter & ViteExtension = {
		name: 'svelte-realtime',
		adapt: (builder) =>
			adapt(builder, {
				out: options.out ?? 'build',
				precompress: options.precompress ?? true,
				envPrefix: options.envPrefix ?? ''
			}),
		supports: { read: () => true, instrumentation: () => true },
		emulate: () => ({ platform: runningPlatform as never }),
		// A function, so that Kit 2, which never calls it, does not load Vite for it.
		vite: () => ({
			plugins: { post: [import('../vite/index.ts').then(({ realtime }) => realtime())] }
		})
	};
	return self;
}

/** The platform of the app that the dev or preview server has started, if it has. */
function runningPlatform(): RealtimePlatform | undefined {
	const key = Symbol.for('svelte-realtime.app');
	const { [key]: app } = globalThis as { [key]?: { platform: RealtimePlatform } };
	return app?.platform;
}
