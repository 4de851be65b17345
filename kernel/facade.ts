/** The kernel as one plugin sees it. */

import type { CapabilityName } from './capabilities.ts';
import type { Clock } from './clock.ts';
import { deny } from './codes.ts';
import { SocketConnection, type Connection } from './connection.ts';
import { RealtimeError } from './errors.ts';
import type { Gatekeeper } from './gatekeeper.ts';
import type { HookTable } from './hooks.ts';
import type { LimitName, Limits } from './limits.ts';
import type { Member } from './member.ts';
import type { PluginKernel } from './plugin.ts';
import type { Publisher } from './publish.ts';
import { chain } from './run.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { TopicClasses } from './topics.ts';
import type { ValueCodec } from './values.ts';

export interface FacadeParts {
	readonly instanceId: string;
	readonly clock: Clock;
	readonly limits: Limits;
	readonly values: ValueCodec;
	readonly dev: boolean;
	readonly table: HookTable;
	readonly classes: TopicClasses;
	readonly connections: ReadonlySet<Connection>;
	readonly publisher: Publisher;
	readonly subscriptions: Subscriptions;
	readonly gatekeeper: Gatekeeper;
	readonly report: (plugin: string, error: unknown) => void;
	readonly limited: (limit: LimitName, connection?: Connection) => void;
	/** How many connections there have been. */
	readonly connectionCount: () => number;
}

export function createFacade(
	member: Member,
	parts: FacadeParts
): PluginKernel<CapabilityName, CapabilityName> {
	const { plugin } = member;
	const { name } = plugin;
	const { table, publisher } = parts;
	const clock = member.clock(parts.clock);
	const find = (capability: string): unknown =>
		capability === 'clock' ? clock : member.services.get(capability)?.service;

	return {
		name,
		instanceId: parts.instanceId,
		clock,
		limits: parts.limits,
		values: parts.values,
		dev: parts.dev,
		connections: parts.connections,
		get connectionCount() {
			return parts.connectionCount();
		},
		capabilities: () => [...member.services.keys()] as CapabilityName[],
		hook(hook, handler, options) {
			member.prepared?.add(name, hook, handler, options);
			return member.register(() => table.add(name, hook, handler, options));
		},
		attach: (put) => member.register(put),
		provide(capability, service) {
			if (member.isGone) return;
			const { services } = member;
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
			return find(capability) as never;
		},
		find: find as PluginKernel<never, never>['find'],
		publish: (topic, event, data, options) => publisher.publish(topic, event, data, options),
		deliver: (frame) => publisher.deliver(frame),
		subscribe: (connection, topic, since) =>
			member.isGone
				? parts.subscriptions.refused(topic)
				: parts.subscriptions.request(connection as SocketConnection, topic, since, member.asker),
		classOf: (topic) => parts.classes.of(topic),
		declareTopics(pattern, topicClass) {
			member.register(() => {
				const remove = parts.classes.declare(pattern, topicClass, name);
				table.invalidate();
				return () => {
					remove();
					table.invalidate();
				};
			});
		},
		identify: (request, purpose = 'render') =>
			chain(parts.gatekeeper.admit(request, purpose), (answer) =>
				answer.ok
					? new SocketConnection('', answer.data, undefined)
					: deny(answer.code, answer.reason, answer.retryAfter)
			),
		limited: parts.limited,
		report: (error) => parts.report(name, error)
	};
}
