/** What brings the overlay into pages of `vite dev`, and answers its questions. */

import type { ResolvedConfig, ViteDevServer } from 'vite';
import { PACKAGE } from '../kinds.ts';
import type { DevtoolsOptions } from './index.ts';

/** Where the dev server says which plugins run, below the app's base. */
const DESCRIBE = '@svelte-realtime/describe';

/**
 * What is added to the code of a module that every page loads which has a client, in front of its
 * first use. An import and no script in the HTML: that needs no nonce of a content security policy,
 * and no HTML that is complete. Nothing in builds, and in component tests.
 */
export function overlayCode(
	devtools: boolean | DevtoolsOptions | undefined,
	config: ResolvedConfig
): string {
	const isTest = config.plugins.some(({ name }) => name === 'vitest');
	if (devtools === false || config.command !== 'serve' || isTest) return '';
	const given = typeof devtools === 'object' ? devtools : {};
	const options = { ...given, describe: config.base + DESCRIBE };
	return [
		`import { startDevtools as __devtools } from ${JSON.stringify(`${PACKAGE}/devtools`)};`,
		`__devtools(${JSON.stringify(options)});`,
		''
	].join('\n');
}

/** Serves the description of the app that runs in this process. */
export function serveDescription({ middlewares, config }: ViteDevServer): void {
	middlewares.use((request, response, next) => {
		const path = request.url?.split('?', 1)[0];
		if (path !== `/${DESCRIBE}` && path !== config.base + DESCRIBE) return next();
		const description = running()?.kernel.describe();
		response.statusCode = description === undefined ? 503 : 200;
		response.setHeader('content-type', 'text/plain; charset=utf-8');
		response.setHeader('cache-control', 'no-store');
		response.end(description ?? 'The app does not run; see the log of the dev server.');
	});
}

/** The place where the app that runs is found; see adapter/runtime/app.ts. */
function running(): { readonly kernel: { describe(): string } } | undefined {
	const place = globalThis as { [APP]?: { readonly kernel: { describe(): string } } };
	return place[APP];
}

const APP: unique symbol = Symbol.for('svelte-realtime.app') as never;
