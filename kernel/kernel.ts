/** The kernel: boots the plugins, and stands between them and a transport. */

import { withTimeout } from './boot.ts';
import type { Capabilities, CapabilityName } from './capabilities.ts';
import { systemClock, type Clock } from './clock.ts';
import { CLOSE } from './codes.ts';
import { SocketConnection, type Connection, type SendRoom } from './connection.ts';
import type { ConnectionData, UpgradeRequest } from './contexts.ts';
import { RealtimeError } from './errors.ts';
import { Gatekeeper } from './gatekeeper.ts';
import { HookTable } from './hooks.ts';
import { randomId } from './ids.ts';
import { LIMITS, type LimitName, type Limits } from './limits.ts';
import { Mailroom } from './mailroom.ts';
import type { Origins } from './origin.ts';
import type { Plugin, ProvidedBy, PublishOptions, PublishResult } from './plugin.ts';
import type { Services } from './member.ts';
import { encode, PROTOCOL } from './protocol.ts';
import { Publisher } from './publish.ts';
import { Roster } from './roster.ts';
import { runNotice } from './run.ts';
import { Subscriptions } from './subscriptions.ts';
import { TopicClasses } from './topics.ts';
import type { TopicClass } from './contexts.ts';
import type { MaybePromise, Transport, TransportHost, UpgradeAnswer } from './transport.ts';
import { createValueCodec, type ValueCodec } from './values.ts';

export interface KernelOptions<List extends readonly Plugin[] = readonly Plugin[]> {
	plugins: List;
	transport: Transport;
	/** @default the machine's clock */
	clock?: Clock;
	/** @default LIMITS */
	limits?: Partial<Limits>;
	/** @default 'same-origin' */
	origins?: Origins;
	/** Topic patterns and their class; what nothing declares is logged. */
	topics?: Readonly<Record<string, TopicClass>>;
	/** How values are written and read. @default JSON and devalue, without types of the app's own */
	values?: ValueCodec;
	/** Reports what is only worth saying while an app is written. @default false */
	dev?: boolean;
	/** Hears of every error that no client may see. @default console.error */
	report?: (plugin: string, error: unknown) => void;
}

export interface Kernel<Provided extends CapabilityName = CapabilityName> extends TransportHost {
	readonly instanceId: string;
	readonly clock: Clock;
	readonly limits: Limits;
	readonly values: ValueCodec;
	readonly connections: ReadonlySet<Connection>;
	/** The plugins as they were listed; `describe()` tells the order in which they run. */
	readonly plugins: readonly Plugin[];
	/** Sets every plugin up, one after the other. @throws {RealtimeError} naming the plugin. */
	start(): Promise<void>;
	/** Puts a plugin in while the kernel runs, at the end of the list. @see change */
	add(plugin: Plugin): Promise<void>;
	/**
	 * Takes plugins out while the kernel runs, with everything that they have registered.
	 *
	 * @throws {RealtimeError} RT_PLUGIN_UNKNOWN; RT_PLUGIN_REQUIRED, naming those that need one.
	 */
	remove(...names: readonly string[]): Promise<void>;
	/**
	 * Makes this the list of plugins while the kernel runs. The same objects go on undisturbed, but
	 * for those that name a service that is now another, or gone: these are set up again.
	 *
	 * New ones are set up beside the old ones, which then make place in one synchronous step, so that
	 * no frame comes in between; where one of them fails, nothing has happened. Connections that
	 * follow something through a plugin that goes are closed with 1012, and come back. Resolves when
	 * the `shutdown` handlers of those that went have run.
	 *
	 * @param onSwap Runs in that step.
	 * @throws {RealtimeError} RT_KERNEL_IDLE, and whatever a list can be refused for at boot.
	 */
	change(plugins: readonly Plugin[], onSwap?: () => void): Promise<void>;
	/** Refuses newcomers, closes every connection with 1012, runs `shutdown` within its limit. */
	shutdown(): Promise<void>;
	use<N extends Provided>(name: N): Capabilities[N];
	find<N extends CapabilityName>(name: N): Capabilities[N] | undefined;
	publish(
		topic: string,
		event: string,
		data?: unknown,
		options?: PublishOptions
	): MaybePromise<PublishResult>;
	/** Runs the `upgrade` gates for a page that is rendered for the same visitor. */
	identify(request: UpgradeRequest): MaybePromise<UpgradeAnswer>;
	/** Plugins in boot order, their capabilities, and who listens to each hook. */
	describe(): string;
}

/** @throws {RealtimeError} RT_PLUGIN_DUPLICATE, RT_CAPABILITY_{MISSING,TAKEN,CYCLE}. */
export function createKernel<const List extends readonly Plugin[]>(
	options: KernelOptions<List>
): Kernel<ProvidedBy<List>> {
	const { transport } = options;
	const clock = options.clock ?? systemClock;
	const limits: Limits = { ...LIMITS, ...options.limits };
	const values = options.values ?? createValueCodec();
	const dev = options.dev ?? false;
	const report = reporter(options.report ?? reportToConsole);
	const instanceId = randomId();

	const table = new HookTable();
	const services: Services = new Map([['clock', { plugin: 'kernel', service: clock }]]);
	const classes = new TopicClasses(options.topics);
	const connections = new Set<Connection>();
	const fail = (hook: string) => (plugin: string, error: unknown) => {
		report(plugin, new RealtimeError('RT_HOOK_FAILED', [plugin, hook], { cause: error }));
	};

	const limited = (limit: LimitName, connection?: Connection): void => {
		void runNotice(table.list('limited'), { limit, connection }, fail('limited'));
	};

	const publisher = new Publisher({
		table,
		transport,
		classes,
		clock,
		limits,
		values,
		report,
		limited
	});
	const gatekeeper = new Gatekeeper({
		table,
		clock,
		limits,
		origins: options.origins,
		fail,
		limited
	});
	const subscriptions = new Subscriptions({
		table,
		classes,
		topicLimit: limits.topic,
		variants: publisher,
		fail: gatekeeper.failClosed,
		limited
	});
	const mailroom = new Mailroom({ table, limits, fail: fail('message'), limited });
	if (dev) {
		// Native publish tells nobody of what it drops, so the buffers are looked at instead.
		table.add('kernel', 'published', slowConnections(connections, limits.sendBuffer, report));
	}
	const room: SendRoom = {
		limit: limits.sendBuffer,
		full: (connection) => limited('sendBuffer', connection)
	};
	let connectionCount = 0;
	let ending: Promise<void> | undefined;

	const roster = new Roster(options.plugins, {
		instanceId,
		clock,
		limits,
		values,
		dev,
		table,
		services,
		classes,
		connections,
		connectionCount: () => connectionCount,
		publisher,
		subscriptions,
		gatekeeper,
		report,
		limited,
		fail
	});

	async function shutDown(): Promise<void> {
		gatekeeper.close();
		roster.close();
		for (const connection of [...connections]) {
			connection.close(CLOSE.RESTART, 'The server restarts.');
		}
		const ctx = { deadline: clock.now() + limits.shutdownTimeout };
		const work = (): MaybePromise<void> =>
			runNotice([...table.list('shutdown')].reverse(), ctx, fail('shutdown'));
		await withTimeout(work, clock, limits.shutdownTimeout, 'kernel', 'shutdown').catch(
			(error: unknown) => report('kernel', error)
		);
		roster.dispose();
	}

	return {
		instanceId,
		clock,
		limits,
		values,
		connections,

		get plugins() {
			return roster.plugins;
		},

		async start() {
			try {
				await roster.start();
			} catch (error) {
				await (ending ??= shutDown());
				throw error;
			}
		},

		shutdown: () => (ending ??= shutDown()),

		add: (plugin) => roster.change((list) => [...list, plugin]),
		remove: (...names) => roster.change((list) => Roster.without(list, names)),
		change: (plugins, onSwap) => roster.change(() => plugins, onSwap),

		use: (name) => services.get(name)?.service as never,
		find: (name) => services.get(name)?.service as never,
		publish: (topic, event, data, publishOptions) =>
			publisher.publish(topic, event, data, publishOptions),
		identify: (request) => gatekeeper.admit(request, 'render'),
		describe: () => roster.describe(),

		upgrade: (request) => gatekeeper.admit(request, 'socket'),
		preflight: (request) => gatekeeper.admit(request, 'preflight'),
		allows: (request) => gatekeeper.allows(request),

		open(socket, data: ConnectionData) {
			const id = `${instanceId}-${(connectionCount += 1).toString(36)}`;
			const connection = new SocketConnection(id, data, socket, room);
			connections.add(connection);
			connection.send(
				encode({
					type: 'welcome',
					protocol: PROTOCOL,
					connection: id,
					limits: { message: limits.message, batch: limits.batch }
				})
			);
			void runNotice(table.list('open'), { connection }, fail('open'));
			if (ending) connection.close(CLOSE.RESTART, 'The server restarts.');
			return connection;
		},

		message(connection, payload, byteLength) {
			mailroom.receive(connection, payload, byteLength);
		},

		drain(connection) {
			(connection as SocketConnection).drained();
			void runNotice(table.list('drain'), { connection }, fail('drain'));
		},

		close(connection, code, reason) {
			if (!connections.delete(connection)) return;
			const gone = connection as SocketConnection;
			gone.detach();
			subscriptions.leaveAll(gone);
			const handlers = [...table.list('close')].reverse();
			void runNotice(handlers, { connection, code, reason }, fail('close'));
		}
	};
}

/** Reports each connection once whose send buffer is over its limit. */
function slowConnections(
	connections: ReadonlySet<Connection>,
	limit: number,
	report: (plugin: string, error: unknown) => void
): () => void {
	const told = new WeakSet<Connection>();
	return () => {
		for (const connection of connections) {
			if (connection.bufferedBytes <= limit || told.has(connection)) continue;
			told.add(connection);
			report('kernel', new RealtimeError('RT_CONNECTION_SLOW', [connection.id, limit]));
		}
	};
}

function reportToConsole(plugin: string, error: unknown): void {
	console.error(`[svelte-realtime] ${plugin}:`, error);
}

/** A report that fails must not become an error of whoever had something to report. */
function reporter(report: NonNullable<KernelOptions['report']>): typeof report {
	return (plugin, error) => {
		try {
			report(plugin, error);
		} catch (failure) {
			reportToConsole(plugin, error);
			reportToConsole('report', failure);
		}
	};
}
