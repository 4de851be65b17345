import { defineConfig } from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';

export default defineConfig({ preset: single() });
