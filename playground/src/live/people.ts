import { live } from 'svelte-realtime';

/** Everybody who has a page of the playground open. */
export const here = live.presence('people', { data: ({ user }) => user && { ...user } });
