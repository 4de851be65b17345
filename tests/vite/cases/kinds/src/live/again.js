// @ts-check
import { live } from 'svelte-realtime';

export { send as sendAgain, delete as remove } from './calls.ts';
export * as nothing from './_plain.ts';
export { messages as feed } from './streams.ts';

/** Says it louder. */
export const shout = live(
	/**
	 * @param {import('svelte-realtime').LiveContext} _ctx
	 * @param {string} text
	 */
	async (_ctx, text) => text.toUpperCase()
);
export const ticks = live.stream('ticks', () => 1, { merge: 'set' });
