import { live } from 'svelte-realtime';

export const list = live.stream(
	(_ctx: unknown, team: string) => `users:${team}`,
	async () => []
);
