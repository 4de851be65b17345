/** The app as its server runs it, for one test. */

import { createTestEnv, type TestEnv } from 'svelte-realtime/testing';
import { newVisitor, VISITOR } from '$lib/server/visitors';
import config from '../realtime.config';
import * as hooks from '../src/hooks.server';

export function startApp(): Promise<TestEnv> {
	return createTestEnv({
		modules: import.meta.glob(['../src/live/**/*.ts', '!**/*.d.ts'], { eager: true }),
		config,
		hooks
	});
}

/** What a browser has that was here before. */
export function cookies(): { cookies: Record<string, string> } {
	return { cookies: { [VISITOR]: newVisitor() } };
}
