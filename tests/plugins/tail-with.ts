import type { Tail } from 'svelte-realtime/plugins/replay';

/** A tail that does some things another way. */
export function tailWith(tail: Tail, own: Partial<Tail>): Tail {
	return {
		head: () => tail.head(),
		since: (position) => tail.since(position),
		last: (count) => tail.last(count),
		close: () => tail.close(),
		...own
	};
}
