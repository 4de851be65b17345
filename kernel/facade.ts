/** The kernel as one plugin sees it. */

import type { CapabilityName } from './capabilities.ts';
import type { Clock } from './clock.ts';
import { deny } from './codes.ts';
import { SocketConnection, type Connection } from './connection.ts';
import { RealtimeError } from './errors.ts';
import type { Gatekeeper } from './gatekeeper.ts';
import type { HookTable } from './hooks.ts';
import type { Limits } from './limits.ts';
import type { Plugin, PluginKernel } from './plugin.ts';
import type { Publisher } from './publish.ts';
import { chain } from './run.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { TopicClasses } from './topics.ts';
import type { ValueCodec } from './values.ts';

export interface Service {
	readonly plugin: string;
	readonly service: unknown;
}

export interface FacadeParts {
	readonly instanceId: string;
	readonly clock: Clock;
	readonly limits: Limits;
	readonly values: ValueCodec;
	readonly dev: boolean;
	readonly table: HookTable;
	readonly services: Map<string, Service>;
	readonly classes: TopicClasses;
	readonly connections: ReadonlySet<Connection>;
	readonly publisher: Publisher;
	readonly subscriptions: Subscriptions;
	readonly gatekeeper: Gatekeeper;
	readonly report: (plugin: string, error: unknown) => void;
	readonly limited: (limit: keyof Limits, connection?: Connection) => void;
	/** What shutdown takes out, in the order it was put in. */
	readonly disposals: (() => void)[];
}

export function createFacade(
	plugin: Plugin,
	parts: FacadeParts
): PluginKernel<CapabilityName, CapabilityName> {
	const { name } = plugin;
	const { services, table, publisher } = parts;

	return {
		name,
		instanceId: parts.instanceId,
		clock: recordTimers(parts.clock, parts.disposals),
		limits: parts.limits,
		values: parts.values,
		dev: parts.dev,
		connections: parts.connections,
		capabilities: () => [...services.keys()] as CapabilityName[],
		hook(hook, handler, options) {
			const remove = table.add(name, hook, handler, options);
			parts.disposals.push(remove);
			return remove;
		},
		provide(capability, service) {
			const other = services.get(capability);
			if (other) {
				throw new RealtimeError('RT_CAPABILITY_TAKEN', [other.plugin, name, capability]);
			}
			if (!plugin.provides?.includes(capability)) {
				throw new RealtimeError('RT_CAPABILITY_UNDECLARED', [name, capability]);
			}
			services.set(capability, { plugin: name, service });
		},
		use(capability) {
			if (!plugin.requires?.includes(capability) && capability !== 'clock') {
				throw new RealtimeError('RT_CAPABILITY_UNKNOWN', [name, capability]);
			}
			return services.get(capability)!.service as never;
		},
		find: (capability) => services.get(capability)?.service as never,
		publish: (topic, event, data, options) => publisher.publish(topic, event, data, options),
		deliver: (frame) => publisher.deliver(frame),
		subscribe: (connection, topic, since) =>
			parts.subscriptions.request(connection as SocketConnection, topic, since),
		classOf: (topic) => parts.classes.of(topic),
		declareTopics(pattern, topicClass) {
			parts.classes.declare(pattern, topicClass);
			table.invalidate();
		},
		identify: (request) =>
			chain(parts.gatekeeper.admit(request, 'render'), (answer) =>
				answer.ok
					? new SocketConnection('', answer.data, undefined)
					: deny(answer.code, answer.reason)
			),
		limited: parts.limited,
		report: (error) => parts.report(name, error)
	};
}

/** A clock whose timers end with the kernel. */
function recordTimers(clock: Clock, disposals: (() => void)[]): Clock {
	const running = new Set<() => void>();
	disposals.push(() => {
		for (const cancel of running) cancel();
	});
	const record = (start: (done: () => void) => () => void): (() => void) => {
		const stop = start(() => running.delete(stop));
		running.add(stop);
		return () => {
			running.delete(stop);
			stop();
		};
	};
	return {
		now: () => clock.now(),
		after: (delay, task) =>
			record((done) =>
				clock.after(delay, () => {
					done();
					task();
				})
			),
		every: (period, task) => record(() => clock.every(period, task))
	};
}
