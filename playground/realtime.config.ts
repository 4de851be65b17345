import { defineConfig, definePlugin } from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { VISITOR, visitorOf } from './src/lib/server/visitors.ts';

/** Tells by the cookie who connects; becomes `ctx.user`. */
const visitors = definePlugin({
	name: 'visitors',
	setup: (kernel) =>
		void kernel.hook('upgrade', ({ cookies, data }) => {
			data.user = visitorOf(cookies[VISITOR]);
		})
});

export default defineConfig({ preset: single(), plugins: [visitors] });
