import { guard, live, type ModuleGuard } from 'svelte-realtime';

export const _guard: ModuleGuard = guard(() => true) satisfies ModuleGuard as ModuleGuard;
export const send = live(() => 1);
