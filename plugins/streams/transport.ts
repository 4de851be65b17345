/** The entry for an app's `transport` hook, with which `load` returns streams. */

import { page } from '../../kernel/client/index.ts';
import { streamsClient } from './client.ts';
import { seedIn } from './loaded.ts';
import type { Seed } from './seed.ts';

/**
 * Lets a `load` function return what `messages.load(event)` gives: in the page, `data.messages` is
 * the stream itself, with its value, and goes on live.
 *
 * @example src/hooks.ts: export const transport = { ...liveTransport };
 */
export const liveTransport: {
	readonly LiveStream: {
		encode(value: unknown): unknown;
		decode(seed: never): unknown;
	};
} = {
	LiveStream: {
		encode: seedIn,
		decode: (seed: Seed) => streamsClient(page).store(seed.path, seed.args, seed)
	}
};
