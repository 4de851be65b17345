import { live } from 'svelte-realtime';

export class Chat {
	static send = live(async () => 1);
}
