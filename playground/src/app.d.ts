/// <reference types="svelte-realtime/adapter" />

declare global {
	namespace App {}
}

export {};
