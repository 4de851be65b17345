// Written by svelte-realtime; what you change here is lost.

declare module '$live/admin/house' {
	const stubs: import('svelte-realtime/client').Stubs<typeof import('./admin/house.js'), 'tell' | 'signOut' | 'clearBoard'>;
	export = stubs;
}

declare module '$live/board' {
	const stubs: import('svelte-realtime/client').Stubs<typeof import('./board.js'), 'board'>;
	export = stubs;
}

declare module '$live/chat' {
	const stubs: import('svelte-realtime/client').Stubs<typeof import('./chat.js'), 'send' | 'messages'>;
	export = stubs;
}

declare module '$live/dashboard' {
	const stubs: import('svelte-realtime/client').Stubs<typeof import('./dashboard.js'), 'progress' | 'activity' | 'samples'>;
	export = stubs;
}

declare module '$live/files' {
	const stubs: import('svelte-realtime/client').Stubs<typeof import('./files.js'), 'upload' | 'files'>;
	export = stubs;
}

declare module '$live/people' {
	const stubs: import('svelte-realtime/client').Stubs<typeof import('./people.js'), 'here'>;
	export = stubs;
}

declare module '$live/plugins' {
	const stubs: import('svelte-realtime/client').Stubs<typeof import('./plugins.js'), 'counts' | 'burst' | 'throttled' | 'debounced' | 'knock' | 'work' | 'hold' | 'here' | 'pointers' | 'wander' | 'visit' | 'pay' | 'note' | 'dice' | 'club'>;
	export = stubs;
}

declare module '$live/todos' {
	const stubs: import('svelte-realtime/client').Stubs<typeof import('./todos.js'), 'add' | 'toggle' | 'rename' | 'remove' | 'clear' | 'list'>;
	export = stubs;
}
