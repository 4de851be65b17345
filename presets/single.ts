/** One process, nothing to install beside it. */

import type { Plugin } from 'svelte-realtime/kernel';
import { replay, type ReplayOptions } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';

export interface SingleOptions {
	replay?: ReplayOptions;
}

export type SingleCapability = 'rpc' | 'replay' | 'streams';

/** The preset for one process: every plugin with its store in memory. */
export function single(options: SingleOptions = {}): readonly Plugin<any, SingleCapability>[] {
	return [rpc(), replay(options.replay), streams()];
}
