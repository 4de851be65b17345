/** Milliseconds. */
const SECOND = 1000;

/**
 * How long to wait before connecting again, in milliseconds, in three tiers: at once (0–1 s) for a
 * socket that broke, in even steps (1–5 s) for a server that restarts, growing (5–30 s) for one that
 * is gone. Each tier is spread out, so that the clients of one server do not come back as one.
 *
 * @param attempt Attempts since the last connection that held, this one included; from 1.
 * @param random A number from 0 up to 1.
 */
export function backoff(attempt: number, random: number): number {
	if (attempt <= 1) return random * SECOND;
	if (attempt <= 5) return (attempt - 1 + random) * SECOND;
	const most = Math.min(30, 10 * 2 ** (attempt - 6)) * SECOND;
	return (most / 2) * (1 + random);
}

/** A number from 0 up to 1, where nothing else is asked for. */
export function secureRandom(): number {
	return crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;
}
