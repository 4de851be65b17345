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

declare module '$live/plugins' {
	export const counts: import('svelte-realtime/client').Stub<(typeof import('./plugins.js'))['counts']>;
	export const burst: import('svelte-realtime/client').Stub<(typeof import('./plugins.js'))['burst']>;
	export const throttled: import('svelte-realtime/client').Stub<(typeof import('./plugins.js'))['throttled']>;
	export const debounced: import('svelte-realtime/client').Stub<(typeof import('./plugins.js'))['debounced']>;
	export const knock: import('svelte-realtime/client').Stub<(typeof import('./plugins.js'))['knock']>;
	export const work: import('svelte-realtime/client').Stub<(typeof import('./plugins.js'))['work']>;
	export const hold: import('svelte-realtime/client').Stub<(typeof import('./plugins.js'))['hold']>;
	export const here: import('svelte-realtime/client').Stub<(typeof import('./plugins.js'))['here']>;
	export const pointers: import('svelte-realtime/client').Stub<(typeof import('./plugins.js'))['pointers']>;
	export const wander: import('svelte-realtime/client').Stub<(typeof import('./plugins.js'))['wander']>;
	export const visit: import('svelte-realtime/client').Stub<(typeof import('./plugins.js'))['visit']>;
	export const pay: import('svelte-realtime/client').Stub<(typeof import('./plugins.js'))['pay']>;
	export const note: import('svelte-realtime/client').Stub<(typeof import('./plugins.js'))['note']>;
	export const dice: import('svelte-realtime/client').Stub<(typeof import('./plugins.js'))['dice']>;
	export const club: import('svelte-realtime/client').Stub<(typeof import('./plugins.js'))['club']>;
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
