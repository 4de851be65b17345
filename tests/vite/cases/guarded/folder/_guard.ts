import { guard } from 'svelte-realtime';

export const _guard = guard(() => true);
