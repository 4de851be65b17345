import { live } from 'svelte-realtime';

function make(result: number): unknown {
	return live(async () => result);
}

export const one = make(1);
