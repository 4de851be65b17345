// Written by svelte-realtime; what you change here is lost.
declare module 'svelte-realtime/kernel' {
	interface Register {
		config: (typeof import('../../realtime.config.js'))['default'];
	}
}

export {};
