/** Testing an app, or a plugin alone: the real kernel without a port, a native addon or a wait. */

import type { TestEnv, TestEnvOptions } from './env.ts';

export * from '../kernel/testing/index.ts';
export type { TestClient, Visitor } from './client.ts';
export type { TestEnv, TestEnvOptions } from './env.ts';
export type { AppHooks } from './kit.ts';
export type { GivenModules } from './modules.ts';
export type { StreamEvent, StreamStatus, TestStream, WaitOptions } from './stream.ts';
export type { StubsOf } from './stubs.ts';

/**
 * Starts an app as its server does, but for the network and the time: its live modules with their
 * guards, its config with its plugins, real clients.
 *
 * Each test has an environment of its own, and ends it: `await using env = …`, or `env.close()`.
 *
 * @throws whatever keeps a server from starting.
 * @example await using env = await createTestEnv({
 * 	modules: import.meta.glob('../src/live/**\/*.ts', { eager: true }),
 * 	config
 * });
 * const ada = await env.connect({ id: 'ada' });
 */
export async function createTestEnv(options: TestEnvOptions): Promise<TestEnv> {
	// Loaded here: who tests a plugin alone needs neither the app's side nor the browser's.
	const { startEnv } = await import('./env.ts');
	return startEnv(options);
}
