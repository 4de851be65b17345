/** From what SvelteKit has built to a folder that `node` runs. */

import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Builder } from '@sveltejs/kit';
import { bundle } from './bundle.ts';
import { entrySource } from './entry.ts';
import { etagsOf } from './etags.ts';
import { quickenPageHash } from './page-hash.ts';
import type { Prerendered } from './runtime/static.ts';
import { addZstd } from './zstd.ts';

export interface AdaptOptions {
	readonly out: string;
	readonly precompress: boolean;
	readonly envPrefix: string;
}

/** The parts of the config that matter here; Kit 2 has them below `kit`, Kit 3 at the top. */
interface KitConfig {
	readonly appDir: string;
	readonly paths: { readonly base: string; readonly origin?: string };
}

/** The two kinds of builder: Kit 3 writes the server instance itself and knows no manifest text. */
interface Builder3 {
	readonly config: KitConfig;
	generateServerInstance(file: string, options: { serverDirectory: string }): void;
	createInstrumentationInitializer(options: {
		outputDirectory: string;
		serverDirectory: string;
	}): string;
	instrument(options: {
		entrypoint: string;
		instrumentation: string;
		initializer: string;
		module: { exports: string[] };
	}): void;
}

/** Where the instrumentation and what has to run before it stand in the output. */
const INSTRUMENTATION = 'server/instrumentation';
const INITIALIZER = 'server/instrumentation-env';

export async function adapt(builder: Builder, options: AdaptOptions): Promise<void> {
	// `generateManifest` exists in Kit 3 as well, and throws.
	const kit3 = 'generateServerInstance' in builder ? (builder as unknown as Builder3) : undefined;
	const config: KitConfig = kit3?.config ?? builder.config.kit;
	const { base, origin } = config.paths;
	const { out } = options;
	const work = builder.getBuildDirectory('svelte-realtime');
	for (const folder of [out, work]) rmSync(folder, { recursive: true, force: true });
	mkdirSync(work, { recursive: true });

	builder.log.minor('Copying files');
	builder.writeClient(`${out}/client${base}`);
	builder.writePrerendered(`${out}/prerendered${base}`);
	if (options.precompress) {
		builder.log.minor('Compressing files');
		const folders = [`${out}/client`, `${out}/prerendered`];
		await Promise.all(folders.map((folder) => builder.compress(folder)));
		for (const folder of folders) addZstd(folder);
	}

	builder.log.minor('Building server');
	builder.writeServer(work);
	quickenPageHash(work);
	const server = join(work, 'kit.js');
	if (kit3) kit3.generateServerInstance(server, { serverDirectory: work });
	else writeFileSync(server, serverInstance(builder));
	const entry = {
		hasRealtime: existsSync(join(work, 'realtime.js')),
		base,
		origin: origin || undefined,
		appDir: config.appDir,
		envPrefix: options.envPrefix,
		etags: {
			client: await etagsOf(`${out}/client`),
			prerendered: await etagsOf(`${out}/prerendered${base}`)
		},
		prerendered: prerenderedPages(builder, base)
	};
	const inputs: Record<string, string> = {};
	for (const kind of ['index', 'handler'] as const) {
		inputs[kind] = join(work, `entry-${kind}.js`);
		writeFileSync(inputs[kind], entrySource(kind, entry));
	}
	const instrumentation = builder.hasServerInstrumentationFile?.()
		? join(work, 'instrumentation.server.js')
		: undefined;
	if (instrumentation) {
		inputs[INSTRUMENTATION] = instrumentation;
		if (kit3) {
			inputs[INITIALIZER] = kit3.createInstrumentationInitializer({
				outputDirectory: work,
				serverDirectory: work
			});
		}
	}
	await bundle({ root: process.cwd(), folder: work, out, inputs });
	if (instrumentation) instrument(builder, kit3, out);
}

/** The module that Kit 3 would write. */
function serverInstance(builder: Builder): string {
	return [
		`import { Server } from './index.js';`,
		`const manifest = ${builder.generateManifest({ relativePath: './' })};`,
		`export const server = new Server(manifest);\n`
	].join('\n');
}

function instrument(builder: Builder, kit3: Builder3 | undefined, out: string): void {
	const entrypoint = join(out, 'index.js');
	const instrumentation = join(out, `${INSTRUMENTATION}.js`);
	const module = { exports: [] };
	if (!kit3) return builder.instrument({ entrypoint, instrumentation, module });
	const initializer = join(out, `${INITIALIZER}.js`);
	kit3.instrument({ entrypoint, instrumentation, initializer, module });
}

/** Every prerendered path and what stands there. */
function prerenderedPages(builder: Builder, base: string): [string, Prerendered][] {
	const { pages, assets, redirects } = builder.prerendered;
	const found = new Map<string, Prerendered>();
	for (const [path, { type }] of assets) {
		const file = path.slice(base.length + 1);
		found.set(path, { file, type });
	}
	for (const [path, { file }] of pages) found.set(path, { file });
	for (const [path, { status, location }] of redirects) found.set(path, { status, location });
	return [...found];
}
