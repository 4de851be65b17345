/** Packages that are installed only where they are used. */

import { RealtimeError } from 'svelte-realtime/kernel';

/**
 * Loads an optional peer dependency, which an app that does without it need not have.
 *
 * @param load Imports it: `() => import('ioredis')`. A name in a variable no bundler would see.
 * @throws {RealtimeError} RT_PACKAGE_MISSING
 * @example const { Redis } = await optionalPackage('redis()', 'ioredis', () => import('ioredis'));
 */
export async function optionalPackage<Module>(
	plugin: string,
	name: string,
	load: () => Promise<Module>
): Promise<Module> {
	try {
		return await load();
	} catch (cause) {
		// A bundle that was made without it throws an error of the bundler's own.
		throw new RealtimeError('RT_PACKAGE_MISSING', [plugin, name, name], { cause });
	}
}
