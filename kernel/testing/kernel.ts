import type { Capabilities, CapabilityName } from '../capabilities.ts';
import type { ConnectionData, UpgradeRequest } from '../contexts.ts';
import { createKernel, type Kernel, type KernelOptions } from '../kernel.ts';
import { definePlugin, type Plugin, type ProvidedBy } from '../plugin.ts';
import { VirtualClock } from './clock.ts';
import { openConnection, type TestConnection } from './connection.ts';
import { end, watch, type Watched } from './leaks.ts';
import { fakeTransport, type FakeTransport } from './transport.ts';

export interface TestKernel<List extends readonly Plugin[] = readonly Plugin[]> extends Kernel<
	ProvidedBy<List>
> {
	readonly clock: VirtualClock;
	readonly transport: FakeTransport;
	/** What was reported. What is left of it at the end fails the test. */
	readonly errors: { readonly plugin: string; readonly error: unknown }[];
	/**
	 * Connects, through the `upgrade` gates.
	 *
	 * @param data Laid over what the gates leave in `connection.data`.
	 * @throws when the gates refuse.
	 */
	connect(data?: ConnectionData, request?: Partial<UpgradeRequest>): Promise<TestConnection>;
	/** Makes these the live modules, where the list has `rpc`: path → exports. */
	mount(modules: Readonly<Record<string, Readonly<Record<string, unknown>>>>): void;
	/** Ends it before the test does. @throws naming everything that it leaves behind. */
	end(): Promise<void>;
}

export interface TestKernelOptions extends Omit<
	Partial<KernelOptions>,
	'plugins' | 'transport' | 'clock'
> {
	/** One that several kernels share. @default a clock of its own, at 0 */
	clock?: VirtualClock;
	/** What it is called where the test leaves something behind. @default nothing */
	label?: string;
}

/** The real kernel on a fake transport and a virtual clock, started. */
export async function createTestKernel<const List extends readonly Plugin[]>(
	plugins: List,
	{ clock = new VirtualClock(), label, ...options }: TestKernelOptions = {}
): Promise<TestKernel<List>> {
	const transport = fakeTransport();
	const errors: { plugin: string; error: unknown }[] = [];
	const kernel = createKernel<List>({
		report: (plugin, error) => errors.push({ plugin, error }),
		...options,
		plugins,
		transport,
		clock
	});
	await kernel.start();

	const own = {
		clock,
		transport,
		errors,
		label: label === undefined ? '' : `${label}: `,
		async connect(data: ConnectionData = {}, request: Partial<UpgradeRequest> = {}) {
			const answer = await kernel.upgrade({
				url: '/ws',
				headers: {},
				ip: '127.0.0.1',
				origin: 'http://localhost',
				...request
			});
			if (!answer.ok) throw new Error(`${answer.code}: ${answer.reason}`);
			return openConnection(kernel, transport, { ...answer.data, ...data });
		},
		mount(modules: object) {
			// The kernel knows no plugin; this is the one service that nearly every test needs.
			const rpc = kernel.find('rpc' as CapabilityName) as unknown as
				{ mount(modules: object): void } | undefined;
			if (!rpc) throw new Error('Live modules need the plugin rpc: createTestKernel([rpc(), …]).');
			rpc.mount(modules);
		},
		end: () => end([self])
	};
	const self = Object.defineProperties({} as TestKernel<List> & Watched, {
		...Object.getOwnPropertyDescriptors(kernel),
		...Object.getOwnPropertyDescriptors(own)
	});
	watch(self);
	return self;
}

/** A plugin that provides a stand-in for a service, for testing the plugins that require it. */
export function provided<const N extends CapabilityName>(
	name: N,
	service: Capabilities[N]
): Plugin<never, N> {
	return definePlugin<never, N>({
		name: `provided:${name}`,
		provides: [name],
		setup: (kernel) => kernel.provide(name, service)
	});
}
