import { sveltekit } from '@sveltejs/kit/vite';
import { realtime } from 'svelte-realtime/vite';
import { defineConfig, searchForWorkspaceRoot } from 'vite';

export default defineConfig({
	plugins: [sveltekit(), realtime()],
	// The package is linked from the folder above, which Vite's dev server does not serve by itself.
	server: { fs: { allow: [searchForWorkspaceRoot(process.cwd())] } }
});
