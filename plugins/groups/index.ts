/** Groups: members with roles, who are told things all at once or by role. */

import {
	chain,
	definePlugin,
	LiveError,
	RealtimeError,
	type MaybePromise,
	type Plugin,
	type PublishResult
} from 'svelte-realtime/kernel';
import { memberKey, type Member } from 'svelte-realtime/plugins/presence';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import { COALESCED } from '../coalescer.ts';
import { ignorable, toOutcome } from '../events.ts';
import { refusalOf } from '../refusal.ts';
import { Book, HEARTBEAT, MEMBERS, type Group } from './book.ts';
import { memoryGroups } from './memory.ts';
import type { Addressed, GroupFacts, GroupMember } from './options.ts';
import { toGroupMember } from './places.ts';
import { CLOSED, createSending, NAMESPACE, type Publish, type Told } from './sending.ts';

export { group } from './declare.ts';
export type {
	Addressed,
	GroupFacts,
	GroupMember,
	GroupOptions,
	LiveGroup,
	OpenGroup
} from './options.ts';
export { memoryGroups, type MemoryGroups } from './memory.ts';
export type { GroupRecord, GroupStore } from './port.ts';
export { serverGroup } from './server-stub.ts';

/** What somebody is let in as. */
interface Admission {
	readonly name: string;
	readonly role: string;
	readonly data: unknown;
	readonly meta: () => unknown;
}

/** The groups, by name. */
export interface Groups {
	/** Who is in a group, first come first. */
	members(name: string): MaybePromise<readonly GroupMember[]>;
	/** How many are in a group. */
	count(name: string): MaybePromise<number>;
	/** Whether somebody is in a group, by the key of a member. */
	has(name: string, key: string): MaybePromise<boolean>;
	/** What a group is; `undefined` while it has no members on this instance. */
	meta(name: string): unknown;
	/**
	 * Publishes to the members of a group that has some on this instance, as `publish` of the declaration
	 * does.
	 *
	 * @throws {LiveError} NOT_FOUND for a group that is not open here, INVALID_REQUEST, VALIDATION.
	 */
	publish(name: string, event: string, data?: unknown, to?: Addressed): MaybePromise<PublishResult>;
	/**
	 * Closes a group on all instances: its members are told, and are off the list after the grace time.
	 * Whoever joins then opens it anew, unless its `guard` or `role` refuses.
	 *
	 * @returns whether it was open on some instance.
	 * @throws {LiveError} SERVICE_UNAVAILABLE, as a promise that rejects, where that cannot be known:
	 * nothing was closed then.
	 */
	close(name: string): MaybePromise<boolean>;
	/** For `live.group()`. */
	'~name'(ctx: LiveContext, name: unknown, args: readonly unknown[]): string;
	'~role'(ctx: LiveContext, roles: readonly string[], given: unknown): string;
	'~gates'(ctx: LiveContext, name: string): MaybePromise<void>;
	'~admit'(ctx: LiveContext, facts: GroupFacts, admission: Admission): MaybePromise<void>;
	'~topic'(ctx: LiveContext): string;
	'~value'(ctx: LiveContext): unknown;
	'~enter'(ctx: LiveContext): void;
	'~leave'(ctx: LiveContext): void;
	'~publish'(
		ctx: LiveContext,
		facts: GroupFacts,
		name: string,
		told: Told
	): MaybePromise<PublishResult>;
	'~receive'(ctx: LiveContext, facts: GroupFacts, name: string, told: Told): MaybePromise<void>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		groups: Groups;
	}
}

/** Somebody who has been let in. */
interface Admitted extends Admission {
	readonly facts: GroupFacts;
	/** None where a page is rendered. */
	group: Group | undefined;
	readonly key: string;
}

/**
 * Groups of members with roles.
 *
 * Requires `presence`, which lists the members: one for each user, with its grace time; uses
 * `groups.store` where a plugin provides it.
 */
export function groups(): Plugin<'presence', 'groups'> {
	return definePlugin({
		name: 'groups',
		requires: ['presence'],
		optional: ['groups.store'],
		provides: ['groups'],
		setup(kernel) {
			const presence = kernel.use('presence');
			const { clock, report, values } = kernel;
			const store = kernel.find('groups.store') ?? memoryGroups(clock).store(kernel.instanceId);
			const book = new Book({ clock, presence, store, report, ended });
			const admitted = new WeakMap<LiveContext, Admitted>();
			const mark = Symbol('group');

			// What is published here has been checked; nobody else publishes in this namespace. What
			// throttles may have held a frame, and lets it out under its own mark.
			kernel.hook(
				'publish',
				(ctx) => {
					if (ctx.mark === mark || ctx.mark === COALESCED || ctx.origin === 'remote') return;
					return ctx.take({ status: 'rejected', code: 'INVALID_TOPIC' });
				},
				{ order: 'pre', topics: `${NAMESPACE}*` }
			);
			kernel.hook(
				'published',
				({ topic, event, data }) => {
					const name = topic.slice(`__presence:${MEMBERS}`.length);
					if (event === 'set') return book.replaced(name);
					if (event !== 'diff') return;
					const { joins = [], updates = [], leaves = [] } = data as Partial<Diff>;
					book.changed(name, [...joins, ...updates], leaves);
				},
				{ topics: `__presence:${MEMBERS}*` }
			);
			kernel.hook(
				'published',
				({ topic, event, data }) => {
					if (event !== CLOSED) return;
					const group = book.find(topic.slice(NAMESPACE.length, topic.lastIndexOf(':')));
					// One that was opened since is another.
					if (group && group.record.id === data) end(group);
				},
				{ topics: `${NAMESPACE}*` }
			);
			clock.every(10_000, () => book.sweep());
			clock.every(HEARTBEAT, () => book.keepAll());
			store.onReturn?.(() => book.keepAll());
			kernel.hook('shutdown', async () => void (await book.clear()));

			/** A group is over, and those who are in it here are members no more. */
			function end(group: Group): void {
				if (group.isClosed) return;
				book.close(group);
				book.tell(() => group.facts.onClose?.(group));
			}

			/** Its members here were not told: they are now, and those of a later opening are elsewhere. */
			function ended(group: Group): void {
				const { name, record } = group;
				const value = values.encode(record.id, `the group "${name}"`);
				const frame = { event: CLOSED, value, seq: 0, epoch: '', origin: 'local' as const };
				for (const role of record.roles) {
					kernel.deliver({ ...frame, topic: `${NAMESPACE}${name}:${role}` });
				}
				end(group);
			}

			const { send, publish } = createSending(values, mark);

			kernel.provide('groups', {
				members: (name) =>
					chain(presence.list(MEMBERS + name), (members) => members.map(toGroupMember)),
				count: (name) => presence.count(MEMBERS + name),
				has: (name, key) =>
					book.has(name, key) ||
					chain(presence.list(MEMBERS + name), (all) => all.some((one) => one.key === key)),
				meta: (name) => book.find(name)?.meta,
				publish(name, event, data, to) {
					const group = book.find(name);
					if (!group) throw new LiveError('NOT_FOUND', `The group "${name}" is not open.`);
					return publish(kernel.publish, group.facts, name, { event, data, to });
				},
				close: (name) =>
					chain(store.close(name), (record) => {
						if (!record) return false;
						void ignorable(send(kernel.publish, name, record.roles, CLOSED, record.id));
						const group = book.find(name);
						if (group && group.record.id === record.id) end(group);
						return true;
					}),

				'~name'(ctx, name, args) {
					const given: unknown =
						typeof name === 'function'
							? (name as (...all: unknown[]) => unknown)(ctx, ...args)
							: name;
					if (typeof given !== 'string') {
						throw new RealtimeError('RT_STREAM_TOPIC', [ctx.path, typeof given]);
					}
					if (given.length === 0 || given.startsWith('__')) throw new LiveError('INVALID_TOPIC');
					return given;
				},
				'~role'(ctx, roles, given) {
					if (given === null || given === undefined) throw new LiveError('FORBIDDEN');
					if (typeof given === 'string' && roles.includes(given)) return given;
					throw new RealtimeError('RT_GROUP_ROLE', [ctx.path, String(given), roles.join(', ')]);
				},
				'~gates'(ctx, name) {
					const wish = kernel.subscribe(ctx.connection, name);
					return chain(wish.verdict, (denial) => {
						wish.leave();
						if (denial) throw refusalOf(denial);
					});
				},
				'~admit'(ctx, facts, admission) {
					const key = memberKey(ctx.connection);
					const { name, meta } = admission;
					// A page that is rendered shows the group, and nobody has come.
					if (!ctx.connection.isOpen) {
						admitted.set(ctx, { ...admission, facts, group: undefined, key });
						return;
					}
					return chain(book.open(name, facts, meta), (group) =>
						chain(book.admit(group, key), (isIn) => {
							if (!isIn) {
								kernel.limited('groups.max', ctx.connection);
								book.tell(() => facts.onFull?.(ctx, group));
								throw new LiveError('FULL');
							}
							admitted.set(ctx, { ...admission, facts, group, key });
						})
					);
				},
				'~topic'(ctx) {
					const { name, role } = admitted.get(ctx)!;
					return `${name}:${role}`;
				},
				'~value'(ctx) {
					const { name, group = book.find(name), role, meta } = admitted.get(ctx)!;
					if (group) return { role, meta: group.meta };
					return chain(store.find(name), (open) => ({ role, meta: open ? open.meta : meta() }));
				},
				'~enter'(ctx) {
					const admission = admitted.get(ctx)!;
					const { role, data, key } = admission;
					if (!admission.group || admission.group.isClosed) return;
					// Who took longer than a place is kept may find it closed for want of members.
					admission.group = book.reopen(admission.group);
					book.join(admission.group, ctx.connection, key, { role, data });
				},
				'~leave'(ctx) {
					const { group, key } = admitted.get(ctx)!;
					if (group) book.leave(group, ctx.connection, key);
				},
				'~publish': (ctx, facts, name, told) =>
					publish((...all) => ctx.publish(...all), facts, name, told),
				'~receive'(ctx, facts, name, told) {
					if (!book.has(name, memberKey(ctx.connection))) {
						throw new LiveError('FORBIDDEN', 'Only members publish here.');
					}
					const by: Publish = (...all) => ctx.publish(...all);
					return chain(publish(by, facts, name, told), toOutcome);
				}
			});
		}
	});
}

interface Diff {
	readonly joins: readonly Member[];
	readonly updates: readonly Member[];
	readonly leaves: readonly string[];
}
