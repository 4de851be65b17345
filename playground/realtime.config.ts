import { defineConfig } from 'svelte-realtime';
import { cluster, single } from 'svelte-realtime/presets';
import { counters, timed } from './src/lib/server/counters';

// A queue as short as that is soon full, which the page about the plugins wants to show.
const queue = { size: 5 };
const { REDIS_URL, POSTGRES_URL } = process.env;

export default defineConfig({
	// One process needs nothing beside it; several share what they keep, at REDIS_URL.
	preset: REDIS_URL
		? cluster({
				middleware: [timed],
				queue,
				// While Redis is away visitors are told so, and not that they ask too often.
				stores: { ratelimit: { outage: 'local' } },
				...(POSTGRES_URL && { postgres: {} })
			})
		: single({ middleware: [timed], queue }),
	plugins: [counters],
	/** Whoever `handle` in hooks.server.ts has found; becomes `ctx.user`. */
	user: ({ locals }) => locals.user
});
