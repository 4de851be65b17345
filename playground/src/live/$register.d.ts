// Written by svelte-realtime; what you change here is lost.
import type {} from 'svelte-realtime/adapter';

declare module 'svelte-realtime/kernel' {
	interface Register {
		config: (typeof import('../../realtime.config.js'))['default'];
	}
}
