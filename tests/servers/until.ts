import { vi } from 'vitest';

/** Waits until it is so, where a server of its own process tells nobody when. @throws after 15 s */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
	await vi.waitUntil(isSo, { timeout: 15_000, interval: 3 });
}
