import type { Plugin } from '../plugin.ts';
import { createTestBus, type TestBus } from './bus.ts';
import { VirtualClock } from './clock.ts';
import { createTestKernel, type TestKernel, type TestKernelOptions } from './kernel.ts';
import { end, type Watched } from './leaks.ts';

export interface TestCluster<List extends readonly Plugin[]> {
	readonly kernels: readonly TestKernel<List>[];
	/** The one time that all of them have. */
	readonly clock: VirtualClock;
	readonly bus: TestBus;
	/** Ends all of them before the test does. @throws naming what they leave behind. */
	end(): Promise<void>;
}

/**
 * Several instances in one process: test kernels on one fake bus and one clock.
 *
 * The bus delivers on every other kernel what is published on one. What has to be one for all of
 * them, such as the store of a plugin, is a stand-in in the list: `provided('replay.log', log)`.
 *
 * @param plugins One list for all, or what makes the list of each: `(index) => [ … ]`.
 */
export async function createTestCluster<const List extends readonly Plugin[]>(
	size: number,
	plugins: List | ((index: number) => List),
	options: Omit<TestKernelOptions, 'clock' | 'label'> = {}
): Promise<TestCluster<List>> {
	const clock = new VirtualClock();
	const bus = createTestBus(clock);
	const kernels: TestKernel<List>[] = [];
	for (let index = 0; index < size; index += 1) {
		const own = typeof plugins === 'function' ? plugins(index) : plugins;
		const list = [...own, bus.plugin(index)];
		const kernel = await createTestKernel(list, { ...options, clock, label: `kernel ${index}` });
		kernels.push(kernel as unknown as TestKernel<List>);
	}
	return {
		kernels,
		clock,
		bus,
		async end() {
			bus.close();
			await end(kernels as unknown as readonly Watched[]);
		}
	};
}
