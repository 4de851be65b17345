import { defineConfig } from 'vitest/config';

export default defineConfig({
	resolve: { conditions: ['source'] },
	ssr: { resolve: { conditions: ['source'] } },
	test: {
		root: new URL('..', import.meta.url).pathname,
		include: ['tests/**/*.test.ts'],
		// Two cores: more workers only wait for each other, and real sockets then miss their deadlines.
		maxWorkers: 2,
		testTimeout: 20_000
	}
});
