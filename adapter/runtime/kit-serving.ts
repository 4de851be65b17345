/** What an app has of SvelteKit: the plugin that knows visitors, and where errors go. */

import { declarationOf } from '../../kernel/declaration.ts';
import type { Plugin } from '../../kernel/plugin.ts';
import type { AppDefinition } from './app.ts';
import { kitErrors } from './kit-errors.ts';
import { kitFailures } from './kit-failures.ts';
import { kitPlugin, type KitSettings } from './kit.ts';
import type { Respond } from './visit.ts';

/** How SvelteKit is reached. */
export interface KitServing {
	readonly respond: Respond;
	/** Path of the socket, base path included. */
	readonly path: string;
	/** The app's own origin, where it is fixed. */
	readonly origin?: string | undefined;
}

export interface KitSources {
	/** The app as it is at the moment. */
	readonly definition: () => AppDefinition;
	readonly dev: boolean;
	/** @default console.error */
	readonly report: ((plugin: string, error: unknown) => void) | undefined;
}

export interface ServedKit {
	readonly plugin: Plugin;
	/** For the kernel. */
	readonly report: (plugin: string, error: unknown) => void;
	/** What a page fails with that could not load a stream. */
	readonly forPage: (error: unknown) => unknown;
}

export function serveKit(
	{ respond, path, origin }: KitServing,
	{ definition, dev, report = toConsole }: KitSources
): ServedKit {
	const failures = kitFailures({ respond, path, origin, report });
	const settings = (): KitSettings => {
		const { config, modules, requestEvents = false, fresh = [] } = definition();
		return {
			user: config?.user,
			// In dev any of them may come with the next save, to connections that are there already.
			hasEvents: dev || requestEvents,
			hasFresh: dev || fresh.length > 0 || hasFresh(modules)
		};
	};
	const errors = kitErrors(() => definition().errors);
	const plugin = kitPlugin({ respond, errors, failures, settings });
	return { plugin, report: failures.report, forPage: errors.forPage };
}

/** What is asked at each upgrade changes only with the modules. */
const known = new WeakMap<AppDefinition['modules'], boolean>();

function hasFresh(modules: AppDefinition['modules']): boolean {
	const isFresh = (value: unknown): boolean => {
		const { context, parts = {} } = declarationOf(value) ?? {};
		return context === 'request' || Object.values(parts).some(isFresh);
	};
	const found =
		known.get(modules) ??
		Object.values(modules).some((exports) => Object.values(exports).some(isFresh));
	known.set(modules, found);
	return found;
}

function toConsole(plugin: string, error: unknown): void {
	console.error(`[svelte-realtime] ${plugin}:`, error);
}
