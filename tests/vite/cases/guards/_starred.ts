import { guard } from 'svelte-realtime';

export const _guard = guard(() => true);
export const _public = true;
