import { vi } from 'vitest';

/** Waits until it is so, where a server of its own process tells nobody when. @throws after 15 s */
export async function until(
	isSo: () => boolean | Promise<boolean>,
	timeout: number = 15_000
): Promise<void> {
	await vi.waitUntil(isSo, { timeout, interval: 3 });
}
