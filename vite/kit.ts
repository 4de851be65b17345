/** What SvelteKit's configuration says, read in the ways that hold for Kit 2 and 3 alike. */

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ResolvedConfig } from 'vite';

export interface KitSettings {
	/** `paths.base`: empty, or with a leading slash. */
	readonly base: string;
	/** Absolute path of the universal hooks, without an extension. */
	readonly hooks: string;
	/** Absolute path of `.svelte-kit`. */
	readonly outDir: string;
	/** Whether components can `await` while a page is rendered, and hand on what they got. */
	readonly isAsync: boolean;
	/** Whether there is a SvelteKit at all. @default false */
	readonly isKit?: boolean;
}

interface KitConfig {
	paths?: { base?: string };
	files?: { hooks?: { universal?: string }; src?: string };
	outDir?: string;
}

/**
 * Reads the settings of the SvelteKit app at the root of `config`.
 *
 * The setup plugin of SvelteKit carries its config as `api.options`, from 2.70 on. An older one is
 * read from svelte.config.js. The base path stands in a `define` in every version.
 */
export async function readKitSettings(config: ResolvedConfig): Promise<KitSettings> {
	const setup = config.plugins.find(({ name }) => name === 'vite-plugin-sveltekit-setup');
	const api = setup?.api as { options?: KitConfig & { kit?: KitConfig } } | undefined;
	const options = api?.options ?? (setup ? await importConfig(config.root) : {});
	const kit = { ...options, ...options.kit };
	const src = resolve(config.root, kit.files?.src ?? 'src');
	return {
		base: definedBase(config) ?? kit.paths?.base ?? '',
		hooks: resolve(config.root, kit.files?.hooks?.universal ?? join(src, 'hooks')),
		outDir: resolve(config.root, kit.outDir ?? '.svelte-kit'),
		isAsync: setup !== undefined && hasAsync(config) && hasHydratable(config.root),
		isKit: setup !== undefined
	};
}

/** Whether Svelte compiles for `await` in components: the Svelte plugin carries its options. */
function hasAsync({ plugins }: ResolvedConfig): boolean {
	return plugins.some(({ api }) => {
		const { options } = (api ?? {}) as { options?: { compilerOptions?: CompilerOptions } };
		return options?.compilerOptions?.experimental?.async === true;
	});
}

interface CompilerOptions {
	experimental?: { async?: boolean };
}

/** `hydratable` came with Svelte 5.44, later than the flag. */
function hasHydratable(root: string): boolean {
	const [major = 0, minor = 0] = (versionOf(root, 'svelte') ?? '').split('.').map(Number);
	return major > 5 || (major === 5 && minor >= 44);
}

function definedBase(config: ResolvedConfig): string | undefined {
	const value: unknown = config.define?.['__SVELTEKIT_PATHS_BASE__'];
	return typeof value === 'string' ? (JSON.parse(value) as string) : undefined;
}

async function importConfig(root: string): Promise<KitConfig & { kit?: KitConfig }> {
	const file = join(root, 'svelte.config.js');
	if (!existsSync(file)) return {};
	const module = (await import(pathToFileURL(file).href)) as { default?: { kit?: KitConfig } };
	return module.default ?? {};
}

/**
 * Major version of the app's SvelteKit; undefined without one.
 *
 * Kit 2 loads an app's modules by `ssrLoadModule`, Kit 3 through the runner of the environment.
 * Each keeps instances of its own, and ours have to be the app's.
 */
export function kitMajor(root: string): number | undefined {
	const version = versionOf(root, '@sveltejs/kit');
	return version === undefined ? undefined : Number.parseInt(version);
}

/** The version of a package as the app has it; undefined where it has none. */
function versionOf(root: string, name: string): string | undefined {
	try {
		const file = createRequire(join(root, 'package.json')).resolve(`${name}/package.json`);
		return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
	} catch {
		// Not installed: a plain Vite app, which does without.
		return undefined;
	}
}
