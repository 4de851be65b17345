/** Groups: members with roles, who are told things all at once or by role. */

import {
	chain,
	definePlugin,
	isThenable,
	LiveError,
	RealtimeError,
	type MaybePromise,
	type Plugin,
	type PublishResult
} from 'svelte-realtime/kernel';
import { memberKey, type Member } from 'svelte-realtime/plugins/presence';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import { COALESCED } from '../coalescer.ts';
import { checkedData, ignorable, toOutcome } from '../events.ts';
import { refusalOf } from '../refusal.ts';
import { Book, MEMBERS, toGroupMember, type Group } from './book.ts';
import type { Addressed, GroupFacts, GroupMember } from './options.ts';

export { group } from './declare.ts';
export type {
	Addressed,
	GroupFacts,
	GroupMember,
	GroupOptions,
	LiveGroup,
	OpenGroup
} from './options.ts';
export { serverGroup } from './server-stub.ts';

/** Stands before the name of a group and a role, where the events of that role's members are. */
const NAMESPACE = '__group:';
/** The event that ends a group for its members. */
const CLOSED = '__close';

/** What somebody is let in as. */
interface Admission {
	readonly name: string;
	readonly role: string;
	readonly data: unknown;
	readonly meta: () => unknown;
}

interface Told {
	readonly event: unknown;
	readonly data: unknown;
	readonly to: unknown;
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
	 * Closes a group: its members are told, and are off the list after the grace time. Whoever joins then
	 * opens it anew, unless its `guard` or `role` refuses.
	 *
	 * @returns whether it was open on this instance.
	 */
	close(name: string): boolean;
	/** For `live.group()`. */
	'~name'(ctx: LiveContext, name: unknown, args: readonly unknown[]): string;
	'~role'(ctx: LiveContext, roles: readonly string[], given: unknown): string;
	'~gates'(ctx: LiveContext, name: string): MaybePromise<void>;
	'~admit'(ctx: LiveContext, facts: GroupFacts, admission: Admission): void;
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
 * Requires `presence`, which lists the members: one for each user, with its grace time.
 */
export function groups(): Plugin<'presence', 'groups'> {
	return definePlugin({
		name: 'groups',
		requires: ['presence'],
		provides: ['groups'],
		setup(kernel) {
			const presence = kernel.use('presence');
			const { clock, report, values } = kernel;
			const book = new Book({ clock, presence, report });
			const admitted = new WeakMap<LiveContext, Admitted>();
			const mark = Symbol('group');
			type Publish = LiveContext['publish'];

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
					if (event !== 'diff') return;
					const { joins = [], updates = [], leaves = [] } = data as Partial<Diff>;
					const name = topic.slice(`__presence:${MEMBERS}`.length);
					book.changed(name, [...joins, ...updates], leaves);
				},
				{ topics: `__presence:${MEMBERS}*` }
			);
			clock.every(10_000, () => book.sweep());
			kernel.hook('shutdown', () => book.clear());

			function rolesOf({ roles }: GroupFacts, to: unknown): readonly string[] {
				const { role } = (typeof to === 'object' && to !== null ? to : {}) as Addressed;
				const named: unknown = role === undefined || role === null ? roles : role;
				const list: readonly unknown[] = Array.isArray(named) ? (named as unknown[]) : [named];
				for (const one of list) {
					if (roles.includes(one as string)) continue;
					const what = `There is no role "${String(one).slice(0, 64)}" here.`;
					throw new LiveError('INVALID_REQUEST', what);
				}
				return roles.filter((one) => list.includes(one));
			}

			/** One native topic for each role, so that members are never looped over. */
			function send(
				publish: Publish,
				name: string,
				roles: readonly string[],
				event: string,
				data: unknown
			): MaybePromise<PublishResult> {
				const encoded = values.encode(data, `the group "${name}"`);
				const results = roles.map((role) =>
					publish(`${NAMESPACE}${name}:${role}`, event, data, { mark, encoded })
				);
				if (results.some(isThenable)) return Promise.all(results).then(worst);
				return worst(results as PublishResult[]);
			}

			function publish(
				by: Publish,
				facts: GroupFacts,
				name: string,
				{ event, data, to }: Told
			): MaybePromise<PublishResult> {
				const roles = rolesOf(facts, to);
				const checked = checkedData(facts.events, event, data);
				return ignorable(
					chain(checked, (output) => send(by, name, roles, event as string, output))
				);
			}

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
				close(name) {
					const group = book.find(name);
					if (!group) return false;
					void send(kernel.publish, name, group.facts.roles, CLOSED, null);
					book.close(group);
					book.tell(() => group.facts.onClose?.(group));
					return true;
				},

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
					const group = book.open(name, facts, meta);
					if (!book.admit(group, key)) {
						kernel.limited('groups.max', ctx.connection);
						book.tell(() => facts.onFull?.(ctx, group));
						throw new LiveError('FULL');
					}
					admitted.set(ctx, { ...admission, facts, group, key });
				},
				'~topic'(ctx) {
					const { name, role } = admitted.get(ctx)!;
					return `${name}:${role}`;
				},
				'~value'(ctx) {
					const { name, group = book.find(name), role, meta } = admitted.get(ctx)!;
					return { role, meta: group ? group.meta : meta() };
				},
				'~enter'(ctx) {
					const admission = admitted.get(ctx)!;
					const { name, facts, role, data, key } = admission;
					if (!admission.group || admission.group.isClosed) return;
					// Who took longer than a place is kept may find it closed for want of members.
					const { meta } = admission.group;
					admission.group = book.open(name, facts, () => meta);
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

/** Of what became of an event in several topics, what went least well. */
function worst(results: readonly PublishResult[]): PublishResult {
	return results.find(({ status }) => status !== 'ok') ?? results.at(-1) ?? NOBODY;
}

const NOBODY: PublishResult = { status: 'ok', level: 'local' };
