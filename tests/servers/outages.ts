/** Kernels of tests that take their servers away. */

import { afterEach } from 'vitest';
import type { TestKernel } from 'svelte-realtime/testing';

export const CONNECTED = ['redis', 'redis-bus', 'redis-replay'];

type Kept = Pick<TestKernel, 'errors' | 'shutdown'>;

const running: Kept[] = [];

/** Ends with the test. */
export function keep(kernel: Kept): void {
	running.push(kernel);
}

/** Ends what was kept; what its connections say of an outage that a test made is not its matter. */
export function useOutages(): void {
	afterEach(async () => {
		for (const kernel of running.splice(0)) {
			const { errors } = kernel;
			await kernel.shutdown();
			const others = errors.filter(({ plugin }) => !CONNECTED.includes(plugin));
			errors.splice(0, errors.length, ...others);
		}
	});
}
