import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';
import adapter from 'svelte-realtime/adapter';

/** @type {import('@sveltejs/kit').Config} */
export default {
	preprocess: vitePreprocess(),
	kit: { adapter: adapter() }
};
