import { systemRandom } from '../clock.ts';
import { CLOSE_GOING_AWAY, CLOSE_RESTART, CLOSE_TRY_LATER } from '../codes.ts';
import type { ClientOptions } from './configure.ts';

/**
 * How long to wait before connecting again, in milliseconds, in three tiers: at once (0–1 s) for a
 * socket that broke, in even steps (1–5 s) for a server that restarts, growing (5–30 s) for one that
 * is gone. Each tier is spread out, so that the clients of one server do not come back as one; the
 * first wait spreads over 0–5 s where the server has said that it sends everyone away.
 *
 * @param attempt Attempts since the last connection that held, this one included; from 1.
 * @param random A number from 0 up to 1.
 * @param code How the connection was closed. @default 1006
 */
export function backoff(attempt: number, random: number, code?: number): number {
	if (attempt <= 1) return random * (isSentAway(code) ? 5000 : 1000);
	if (attempt <= 5) return (attempt - 1 + random) * 1000;
	return Math.min(15, 5 * 2 ** (attempt - 6)) * (1 + random) * 1000;
}

function isSentAway(code: number | undefined): boolean {
	return code === CLOSE_GOING_AWAY || code === CLOSE_RESTART || code === CLOSE_TRY_LATER;
}

/** A number from 0 up to 1: the option's, or the machine's. */
export function randomOf({ random = systemRandom }: Pick<ClientOptions, 'random'>): number {
	return random();
}
