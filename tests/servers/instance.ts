/** Instances of an app on the machine's clock, as a cluster of them runs. */

import {
	createKernel,
	type CapabilityName,
	type ConnectionData,
	type Kernel,
	type KernelOptions,
	type Plugin
} from 'svelte-realtime/kernel';
import { fakeTransport, type TestConnection } from 'svelte-realtime/testing';
import { openConnection } from '../../kernel/testing/connection.ts';

export interface Instance {
	readonly kernel: Kernel;
	/** What was reported. */
	readonly errors: unknown[];
	/** Connects, through the `upgrade` gates. @param data Laid over what the gates leave. */
	connect(data?: ConnectionData): Promise<TestConnection>;
	/** Makes these the live modules, where the list has `rpc`: path → exports. */
	mount(modules: Readonly<Record<string, Readonly<Record<string, unknown>>>>): void;
}

/** What a browser asks with. */
const REQUEST = { url: '/ws', headers: {}, ip: '127.0.0.1', origin: 'http://localhost' };

interface Mounting {
	readonly rpc: { mount(modules: object): void };
}

const started = new Set<Instance>();

/** Starts one; `stopInstances()` ends it. */
export async function startInstance(
	plugins: readonly Plugin[],
	options: Pick<Partial<KernelOptions>, 'topics'> = {}
): Promise<Instance> {
	const errors: unknown[] = [];
	const transport = fakeTransport();
	const kernel = createKernel({
		...options,
		plugins,
		transport,
		report: (_plugin, error) => errors.push(error)
	}) as unknown as Kernel;
	await kernel.start();
	const instance: Instance = {
		kernel,
		errors,
		async connect(data = {}) {
			const answer = await kernel.upgrade(REQUEST);
			if (!answer.ok) throw new Error(`${answer.code}: ${answer.reason}`);
			return openConnection(kernel, transport, { ...answer.data, ...data });
		},
		mount(modules) {
			const { rpc } = { rpc: kernel.find('rpc' as CapabilityName) } as never as Mounting;
			rpc.mount(modules);
		}
	};
	started.add(instance);
	return instance;
}

/** Ends all that were started. */
export async function stopInstances(): Promise<void> {
	const all = [...started];
	started.clear();
	await Promise.all(all.map(({ kernel }) => kernel.shutdown()));
}
