import { live } from 'svelte-realtime';

export const send = live(() => 1);
export function _guard(): boolean {
	return true;
}
