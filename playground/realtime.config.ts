import { defineConfig } from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { counters, timed } from './src/lib/server/counters';

export default defineConfig({
	// A queue as short as that is soon full, which the page about the plugins wants to show.
	preset: single({ middleware: [timed], queue: { size: 5 } }),
	plugins: [counters],
	/** Whoever `handle` in hooks.server.ts has found; becomes `ctx.user`. */
	user: ({ locals }) => locals.user
});
