/// <reference types="svelte-realtime/adapter" />

import type { Visitor } from '$lib/model';

declare global {
	namespace App {
		interface Locals {
			user: Visitor | null;
		}
	}
}

export {};
