import { live } from 'svelte-realtime';

export const list = live.stream(
	(_ctx, team: string) => `users:${team}`,
	async (_ctx, team: string) => [{ id: team }]
);
