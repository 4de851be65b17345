/** `live.group()`: declares a group of members with roles. */

import { chain, declared, RealtimeError, type MaybePromise } from 'svelte-realtime/kernel';
import { presenceStream } from 'svelte-realtime/plugins/presence';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import type { StreamDeclaration } from 'svelte-realtime/plugins/streams';
import { pick, PUBLIC, type PublicUser } from '../presence/select.ts';
import { checkEvents, mayPublish, type EventSchemas, type PublishRule } from '../events.ts';
import { MEMBERS } from './book.ts';
import type { Groups } from './index.ts';
import type { Addressed, AnyOptions, GroupFacts, GroupOptions, LiveGroup } from './options.ts';

type Name = string | ((ctx: LiveContext, ...args: never[]) => string);
/** Declares one group. */
export function group<
	const Role extends string = 'member',
	const Events extends EventSchemas = {},
	Said extends keyof NoInfer<Events> = keyof Events,
	Data = PublicUser,
	Meta = null
>(
	name: string,
	options?: GroupOptions<[], Role, Events, Said, Data, Meta>
): LiveGroup<[], Role, Events, Said, Data, Meta, false>;
/** Declares a group per arguments: the name is made of them, by a synchronous function. */
export function group<
	Args extends readonly unknown[],
	const Role extends string = 'member',
	const Events extends EventSchemas = {},
	Said extends keyof NoInfer<Events> = keyof Events,
	Data = PublicUser,
	Meta = null
>(
	name: (ctx: LiveContext, ...args: Args) => string,
	options?: GroupOptions<Args, Role, Events, Said, Data, Meta>
): LiveGroup<Args, Role, Events, Said, Data, Meta, true>;
export function group(name: Name, options: AnyOptions = {}): unknown {
	checkOptions(name, options);
	const { roles = ['member'], events = {}, max = Infinity } = options;
	const { onJoin, onLeave, onFull, onClose } = options;
	const facts: GroupFacts = { roles, events, max, onJoin, onLeave, onFull, onClose };
	const named = (ctx: LiveContext, args: readonly unknown[]): string =>
		groupsOf(ctx)['~name'](ctx, name, args);
	const list = (ctx: LiveContext, ...args: unknown[]): unknown =>
		groupsOf(ctx).members(named(ctx, args));
	return Object.assign(
		declared(list as never, {
			kind: 'group',
			schema: undefined,
			parts: {
				events: eventsPart(options, facts, named),
				members: presenceStream(
					(ctx: LiveContext, ...args: unknown[]) => MEMBERS + named(ctx, args),
					{
						join: false,
						guard: (ctx: LiveContext, ...args: unknown[]) =>
							chain(roleOf(options, facts, ctx, args), () =>
								groupsOf(ctx)['~gates'](ctx, named(ctx, args))
							)
					}
				),
				publish: publishPart(options, facts, named)
			}
		}),
		{
			publish: (
				ctx: LiveContext,
				event: unknown,
				data: unknown,
				to?: Addressed,
				...args: unknown[]
			) => groupsOf(ctx)['~publish'](ctx, facts, named(ctx, args), { event, data, to })
		}
	);
}

type Named = (ctx: LiveContext, args: readonly unknown[]) => string;

/** What is followed: who does is a member. */
function eventsPart(options: AnyOptions, facts: GroupFacts, named: Named): unknown {
	const guard = (ctx: LiveContext, ...args: unknown[]): MaybePromise<void> =>
		chain(roleOf(options, facts, ctx, args), (role) => {
			const name = named(ctx, args);
			return chain(groupsOf(ctx)['~gates'](ctx, name), () =>
				chain(dataOf(options, ctx, args), (data) =>
					groupsOf(ctx)['~admit'](ctx, facts, {
						name,
						role,
						data,
						meta: () => options.meta?.(ctx, ...args) ?? null
					})
				)
			);
		});
	const loader = (ctx: LiveContext): unknown => groupsOf(ctx)['~value'](ctx);
	const part: Partial<StreamDeclaration> & { kind: 'stream' } = {
		kind: 'stream',
		schema: undefined,
		guard: guard as never,
		namespace: '__group:',
		topic: (ctx) => groupsOf(ctx)['~topic'](ctx),
		loader,
		merge: {
			merge: 'group',
			key: 'id',
			prepend: false,
			max: 0,
			names: Object.keys(facts.events)
		},
		delta: undefined,
		onSubscribe: (ctx) => groupsOf(ctx)['~enter'](ctx),
		onUnsubscribe: (ctx) => groupsOf(ctx)['~leave'](ctx)
	};
	return declared(loader as never, part);
}

/** What a member that publishes calls: the event, its data, whom it is for, then the arguments of the name. */
function publishPart(options: AnyOptions, facts: GroupFacts, named: Named): unknown {
	const handler = (
		ctx: LiveContext,
		event: unknown,
		data: unknown,
		to: unknown,
		...args: unknown[]
	): MaybePromise<void> =>
		groupsOf(ctx)['~receive'](ctx, facts, named(ctx, args), { event, data, to });
	return declared(handler as never, {
		kind: 'rpc',
		schema: undefined,
		handler,
		guard: (ctx: LiveContext, event: unknown, data: unknown, _to: unknown, ...args: unknown[]) =>
			chain(roleOf(options, facts, ctx, args), () => {
				const rule = options.publish as PublishRule | undefined;
				return mayPublish(rule, facts.events, ctx, { event, data, args });
			})
	});
}

/** Which role somebody has. @throws {LiveError} FORBIDDEN, through the service; RT_GROUP_ROLE. */
function roleOf(
	{ guard, role }: AnyOptions,
	{ roles }: GroupFacts,
	ctx: LiveContext,
	args: readonly unknown[]
): MaybePromise<string> {
	const groups = groupsOf(ctx);
	return chain(guard?.(ctx, ...args), (answer) =>
		chain(answer === false ? null : role ? role(ctx, ...args) : roles[0], (given) =>
			groups['~role'](ctx, roles, given)
		)
	);
}

function dataOf(
	{ data }: AnyOptions,
	ctx: LiveContext,
	args: readonly unknown[]
): MaybePromise<unknown> {
	const user: unknown = ctx.user;
	return chain(data ? data(ctx, ...args) : user, (given) =>
		// A whole user is never what somebody meant to show to everybody.
		given === user ? pick(given, PUBLIC) : given
	);
}

/** @throws {RealtimeError} RT_CAPABILITY_MISSING */
function groupsOf(ctx: LiveContext): Groups {
	const { groups } = ctx as { groups?: Groups };
	if (groups !== undefined) return groups;
	throw new RealtimeError('RT_CAPABILITY_MISSING', ['live.group()', 'groups']);
}

function checkOptions(name: unknown, options: AnyOptions): void {
	if (typeof name !== 'string' && typeof name !== 'function') {
		const wanted = 'a name, or a function that makes one from the arguments';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.group()', typeof name, wanted]);
	}
	const { roles = ['member'], events = {}, publish, max = Infinity } = options;
	checkEvents(events, publish, 'live.group()');
	const check = (isRight: boolean, option: string, value: unknown, wanted: string): void => {
		if (isRight) return;
		throw new RealtimeError('RT_OPTION_INVALID', [option, 'live.group()', String(value), wanted]);
	};
	for (const event of Object.keys(events)) {
		check(!event.startsWith('__'), 'events', event, "names that do not begin with '__'");
	}
	const isRoles =
		Array.isArray(roles) &&
		roles.length > 0 &&
		roles.every((role) => typeof role === 'string' && /^\w{1,32}$/.test(role)) &&
		new Set(roles).size === roles.length;
	check(isRoles, 'roles', roles, 'a list of different names of 1 to 32 letters and digits');
	const isCount = max === Infinity || (Number.isSafeInteger(max) && max >= 1);
	check(isCount, 'max', max, 'a whole number from 1, or Infinity');
}
