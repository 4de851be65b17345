import type { Clock } from './clock.ts';

/**
 * Name → type of every service that a plugin may provide. Plugins add to it by declaration merging
 * on 'svelte-realtime/kernel'. A name with a dot (`replay.log`) is a port, for plugins only.
 */
export interface Capabilities {
	clock: Clock;
}

export type CapabilityName = keyof Capabilities & string;
