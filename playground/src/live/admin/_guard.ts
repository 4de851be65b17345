import { guard, live } from 'svelte-realtime';

/** Stands before every module of this folder. */
export const _guard = guard(live.access.role({ admin: true }));
