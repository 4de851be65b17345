// Written by svelte-realtime; what you change here is lost.

declare module '$live/board' {
	export const board: import('svelte-realtime/client').Stub<(typeof import('./board.js'))['board']>;
	export {};
}

declare module '$live/chat' {
	export const send: import('svelte-realtime/client').Stub<(typeof import('./chat.js'))['send']>;
	export const messages: import('svelte-realtime/client').Stub<(typeof import('./chat.js'))['messages']>;
	export {};
}

declare module '$live/todos' {
	export const add: import('svelte-realtime/client').Stub<(typeof import('./todos.js'))['add']>;
	export const toggle: import('svelte-realtime/client').Stub<(typeof import('./todos.js'))['toggle']>;
	export const rename: import('svelte-realtime/client').Stub<(typeof import('./todos.js'))['rename']>;
	export const remove: import('svelte-realtime/client').Stub<(typeof import('./todos.js'))['remove']>;
	export const clear: import('svelte-realtime/client').Stub<(typeof import('./todos.js'))['clear']>;
	export const list: import('svelte-realtime/client').Stub<(typeof import('./todos.js'))['list']>;
	export {};
}
