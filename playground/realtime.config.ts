import { defineConfig, definePlugin } from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { counters, timed } from './src/lib/server/counters';
import { VISITOR, visitorOf } from './src/lib/server/visitors';

/** Tells by the cookie who connects; becomes `ctx.user`. */
const visitors = definePlugin({
	name: 'visitors',
	setup: (kernel) =>
		void kernel.hook('upgrade', ({ cookies, data }) => {
			data.user = visitorOf(cookies[VISITOR]);
		})
});

export default defineConfig({
	// A queue as short as that is soon full, which the page about the plugins wants to show.
	preset: single({ middleware: [timed], queue: { size: 5 } }),
	plugins: [visitors, counters]
});
