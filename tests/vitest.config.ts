import { defineConfig } from 'vitest/config';

const root = new URL('..', import.meta.url).pathname;

/** Files that need the built package, a browser, or both. */
const E2E = 'tests/e2e/**/*.test.ts';

export default defineConfig({
	test: {
		root,
		// Two cores: more workers only wait for each other, and real sockets then miss their deadlines.
		maxWorkers: 2,
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
					// Each starts servers, builds or browsers of its own.
					fileParallelism: false,
					testTimeout: 60_000,
					hookTimeout: 240_000
				}
			}
		]
	}
});
