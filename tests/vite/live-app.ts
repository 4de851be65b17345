import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { InlineConfig } from 'vite';
import { realtime, type RealtimeOptions } from '../../vite/index.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** A Vite app in a folder of its own, which finds this package under its public name. */
export interface LiveApp {
	readonly root: string;
	write(path: string, content: string): Promise<void>;
	remove(path: string): Promise<void>;
	/** Vite's config with the plugin, and the package taken from its sources. */
	config(more?: InlineConfig, options?: RealtimeOptions): InlineConfig;
	close(): Promise<void>;
}

export async function liveApp(files: Record<string, string>): Promise<LiveApp> {
	const root = await realpath(await mkdtemp(join(tmpdir(), 'live-app-')));
	const app: LiveApp = {
		root,
		async write(path, content) {
			await mkdir(dirname(join(root, path)), { recursive: true });
			await writeFile(join(root, path), content);
		},
		remove: (path) => rm(join(root, path)),
		config: (more, options) => ({
			root,
			configFile: false,
			logLevel: 'silent',
			appType: 'custom',
			resolve: { conditions: ['source', 'module', 'browser', 'development|production'] },
			ssr: { resolve: { conditions: ['source', 'module', 'node', 'development|production'] } },
			...more,
			plugins: [realtime(options), ...(more?.plugins ?? [])]
		}),
		// A file may still be on its way into it.
		close: () => rm(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
	};
	await app.write('package.json', '{ "name": "live-app", "type": "module" }');
	await mkdir(join(root, 'node_modules'));
	await symlink(repository, join(root, 'node_modules/svelte-realtime'), 'dir');
	for (const [path, content] of Object.entries(files)) await app.write(path, content);
	return app;
}
