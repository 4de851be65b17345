import type { Capabilities, CapabilityName } from '../capabilities.ts';
import type { ConnectionData, UpgradeRequest } from '../contexts.ts';
import type { SocketConnection } from '../connection.ts';
import { createKernel, type Kernel, type KernelOptions } from '../kernel.ts';
import { definePlugin, type Plugin, type ProvidedBy } from '../plugin.ts';
import { settle, VirtualClock } from './clock.ts';
import { FakeSocket, fakeTransport, type FakeTransport } from './transport.ts';

/** A frame as it came over the wire. */
export type ReceivedFrame = Readonly<Record<string, unknown>> & { readonly type: string };

/** A client without a network. */
export interface TestConnection {
	readonly connection: SocketConnection;
	readonly socket: FakeSocket;
	/** What has come in since the last `take()`, after `welcome`. */
	readonly received: readonly ReceivedFrame[];
	/** Returns what has come in and begins anew. */
	take(): readonly ReceivedFrame[];
	/** Sends frames as one message, and waits until what they cause has happened. */
	send(...frames: readonly object[]): Promise<void>;
	/** Sends a text, well formed or not. */
	sendText(text: string): Promise<void>;
	/** The far end goes away. */
	leave(code?: number): Promise<void>;
}

export interface TestKernel<List extends readonly Plugin[]> extends Kernel<ProvidedBy<List>> {
	readonly clock: VirtualClock;
	readonly transport: FakeTransport;
	/** What was reported. A test ends by asserting that it is empty. */
	readonly errors: { readonly plugin: string; readonly error: unknown }[];
	/**
	 * Connects, through the `upgrade` gates.
	 *
	 * @param data Laid over what the gates leave in `connection.data`.
	 * @throws when the gates refuse.
	 */
	connect(data?: ConnectionData, request?: Partial<UpgradeRequest>): Promise<TestConnection>;
}

export type TestKernelOptions = Omit<Partial<KernelOptions>, 'plugins' | 'transport' | 'clock'>;

/** The real kernel on a fake transport and a virtual clock, started. */
export async function createTestKernel<const List extends readonly Plugin[]>(
	plugins: List,
	options: TestKernelOptions = {}
): Promise<TestKernel<List>> {
	const clock = new VirtualClock();
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

	return Object.assign(Object.create(kernel) as Kernel<ProvidedBy<List>>, {
		...kernel,
		clock,
		transport,
		errors,
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
		}
	});
}

async function openConnection(
	kernel: Kernel,
	transport: FakeTransport,
	data: ConnectionData
): Promise<TestConnection> {
	const socket = transport.socket();
	const connection = kernel.open(socket, data) as SocketConnection;
	socket.onClose = (code, reason) => kernel.close(connection, code, reason);
	await settle();
	socket.sent.shift(); // welcome
	const read = (): ReceivedFrame[] => socket.sent.map((text) => JSON.parse(String(text)) as never);
	const sendText = async (text: string): Promise<void> => {
		kernel.message(connection, text, Buffer.byteLength(text));
		await settle();
	};
	return {
		connection,
		socket,
		get received() {
			return read();
		},
		take() {
			const frames = read();
			socket.sent.length = 0;
			return frames;
		},
		send: (...frames) => sendText(JSON.stringify(frames.length === 1 ? frames[0] : frames)),
		sendText,
		async leave(code = 1001) {
			socket.end(code, '');
			await settle();
		}
	};
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
