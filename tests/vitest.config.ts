import { defineConfig } from 'vitest/config';
import { LongestFirst } from './sequencer.ts';

const root = new URL('..', import.meta.url).pathname;

/** Files that need the built package, a browser, or both. */
const E2E = 'tests/e2e/**/*.test.ts';

/** Those of them that measure how long something takes, or take both cores themselves. */
const ALONE = ['away', 'board-crowd', 'herd', 'native'].map((name) => `tests/e2e/${name}.test.ts`);

/** As long as a loaded machine may need for what is waited for. */
const EXPECT = { poll: { timeout: 10_000 } };

export default defineConfig({
	test: {
		root,
		// Two cores: more workers only wait for each other, and real sockets then miss their deadlines.
		maxWorkers: 2,
		sequence: { sequencer: LongestFirst },
		// Removes what test processes that were ended have left behind.
		globalSetup: ['./tests/leftovers.ts'],
		projects: [
			{
				resolve: { conditions: ['source'] },
				ssr: { resolve: { conditions: ['source'] } },
				test: {
					name: 'unit',
					root,
					include: ['tests/**/*.test.ts'],
					exclude: [E2E, '**/node_modules/**'],
					// Ends every test kernel, and fails the test that leaves something behind.
					setupFiles: ['./kernel/testing/vitest.ts'],
					testTimeout: 20_000
				}
			},
			{
				// As the config of an app would have it, but for the package, which is taken from its sources.
				resolve: {
					conditions: ['source'],
					alias: { $lib: `${root}playground/src/lib` }
				},
				ssr: { resolve: { conditions: ['source'] } },
				test: {
					name: 'playground',
					root,
					include: ['playground/tests/**/*.test.ts'],
					testTimeout: 20_000
				}
			},
			{
				test: {
					name: 'e2e',
					root,
					include: [E2E],
					exclude: [...ALONE, '**/node_modules/**'],
					expect: EXPECT,
					testTimeout: 60_000,
					hookTimeout: 240_000
				}
			},
			{
				// After all others, one file at a time.
				test: {
					name: 'e2e-alone',
					root,
					include: ALONE,
					fileParallelism: false,
					expect: EXPECT,
					testTimeout: 60_000,
					hookTimeout: 240_000
				}
			}
		]
	}
});
