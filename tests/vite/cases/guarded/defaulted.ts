import { live } from 'svelte-realtime';
import signedIn from './_shared.ts';

export const _guard = signedIn;
export const send = live(() => 1);
