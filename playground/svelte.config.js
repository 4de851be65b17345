import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';
import adapter from 'svelte-realtime/adapter';

/** @type {import('@sveltejs/kit').Config} */
export default {
	preprocess: vitePreprocess(),
	// BASE=/playground serves it below that path, as where a proxy has other sites beside it.
	kit: { adapter: adapter(), paths: { base: process.env.BASE ?? '' } }
};
