import { guard, live } from 'svelte-realtime';

export const _guard = guard(live.access.role({ admin: true }));
export const isAdmin = live.access.role({ admin: true });
export const send = live(() => 1);
