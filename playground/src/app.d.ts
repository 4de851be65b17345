/// <reference types="svelte-realtime/adapter" />

import type { Visitor } from '$lib/model';

declare global {
	namespace App {}
}

declare module 'svelte-realtime/kernel' {
	interface Register {
		user: Visitor | null;
	}
}

export {};
