/** The playground, for this package's adapter or for SvelteKit's own, to compare the two. */

import node from '@sveltejs/adapter-node';
import config from './svelte.config.app.js';

const { adapter } = config.kit;

export default {
	...config,
	// Else the pages of two builds would differ by the time at which each was made.
	kit: {
		...config.kit,
		version: { name: 'bench' },
		adapter: process.env.ADAPTER === 'node' ? node() : adapter
	}
};
