/** A real Chromium for the tests: the one that is named, or the one that comes with npm. */

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { chromium, type Browser, type LaunchOptions } from 'playwright-core';
import { CACHE, ROOT } from './site.ts';

const FLAGS = [
	'--no-sandbox',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync',
	'--no-first-run',
	'--disable-gpu'
];

/** Starts Chromium without a window. */
export async function launchBrowser(): Promise<Browser> {
	const executablePath = await findChromium();
	const options: LaunchOptions = { executablePath, args: FLAGS, headless: true };
	try {
		return await chromium.launch(options);
	} catch (error) {
		// A slim machine lacks the libraries of Mozilla's NSS; the npm package carries a copy.
		if (!String(error).includes('shared libraries')) throw error;
		const libraries = join(dirname(executablePath), 'al2023', 'lib');
		return chromium.launch({ ...options, env: { ...process.env, LD_LIBRARY_PATH: libraries } });
	}
}

async function findChromium(): Promise<string> {
	const { CHROMIUM_PATH } = process.env;
	if (CHROMIUM_PATH) return CHROMIUM_PATH;
	if (process.platform === 'linux' && process.arch === 'x64') return unpackChromium();
	if (existsSync('/usr/bin/chromium')) return '/usr/bin/chromium';
	throw new Error('The browser tests need Chromium: install it and set CHROMIUM_PATH to its path.');
}

/**
 * Unpacks the browser of `@sparticuz/chromium` once, and returns its path.
 *
 * It is unpacked aside and moved into place whole, so that a run that is stopped midway leaves no
 * half of a browser, and two test files that begin together do not meet.
 */
async function unpackChromium(): Promise<string> {
	const manifest = join(ROOT, 'node_modules/@sparticuz/chromium/package.json');
	const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
	const folder = join(CACHE, 'chromium', version);
	const executable = join(folder, 'chromium');
	if (existsSync(executable)) return executable;

	const { default: bundled } = await import('@sparticuz/chromium');
	await mkdir(dirname(folder), { recursive: true });
	const aside = await mkdtemp(`${folder}-`);
	// The package unpacks into the folder for temporary files, and the libraries only where it takes
	// the machine for Amazon's.
	await withEnvironment({ TMPDIR: aside, CODEBUILD_BUILD_IMAGE: 'nodejs20' }, () =>
		bundled.executablePath()
	);
	await rename(aside, folder).catch(async (error: unknown) => {
		await rm(aside, { recursive: true });
		if (!existsSync(executable)) throw error;
	});
	return executable;
}

async function withEnvironment<T>(
	values: Record<string, string>,
	work: () => Promise<T>
): Promise<T> {
	const before = { ...process.env };
	Object.assign(process.env, values);
	try {
		return await work();
	} finally {
		for (const name of Object.keys(values)) {
			if (before[name] === undefined) delete process.env[name];
			else process.env[name] = before[name];
		}
	}
}
