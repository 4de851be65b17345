/** What a group is declared with, and what it is then. */

import type { Declaration, MaybePromise, PublishResult } from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import type { EventInput, EventInputs, EventOutputs, EventSchemas } from '../events.ts';

/** Somebody in a group. */
export interface GroupMember<Role = string, Data = unknown> {
	/** The user's `id` as text; of a visitor without one, the id of the connection. */
	readonly key: string;
	readonly role: Role;
	/** What the server says about the member. */
	readonly data: Data;
}

/** A group, as its own handlers see it. */
export interface OpenGroup<Meta = unknown> {
	readonly name: string;
	readonly meta: Meta;
}

/** Whom an event goes to. */
export interface Addressed<Role = string> {
	/** Members of this role, or of these. @default all */
	role?: Role | readonly Role[];
}

/** Decides about each event of a client's. A method, so that it need not name all arguments. */
type Decide<Args extends readonly unknown[], Name> = {
	decide(ctx: LiveContext, event: Name, ...args: Args): MaybePromise<boolean>;
}['decide'];

export interface GroupOptions<
	Args extends readonly unknown[],
	Role extends string,
	Events extends EventSchemas,
	Said extends keyof Events,
	Data,
	Meta
> {
	/** What members can be. @default ['member'] */
	roles?: readonly Role[];
	/** Which of them somebody is; `null` refuses with FORBIDDEN. @default the first of `roles`, for everybody */
	role?(ctx: LiveContext, ...args: Args): MaybePromise<NoInfer<Role> | null | undefined>;
	/** Members that there can be; a further one is refused with FULL. @default Infinity */
	max?: number;
	/** What the group is, for its members to see: made when the first of them comes. @default null */
	meta?(ctx: LiveContext, ...args: Args): Meta;
	/** Event name → what checks its data (valibot, zod, arktype); `null`: any data. @default none */
	events?: Events;
	/** What members may publish themselves: as with `live.channel()`. @default nothing */
	publish?: true | readonly Said[] | Decide<Args, keyof Events & string>;
	/** What the others see of a member. @default `id`, `name`, `avatar` and `color` of `ctx.user` */
	data?(ctx: LiveContext, ...args: Args): MaybePromise<Data>;
	/** Asked before anything else happens: `false` refuses with FORBIDDEN, an error with itself. */
	guard?(ctx: LiveContext, ...args: Args): MaybePromise<boolean | void>;
	/** Somebody has become a member: once, whatever the number of tabs. */
	onJoin?(member: GroupMember<NoInfer<Role>>, group: OpenGroup): MaybePromise<void>;
	/** Somebody is a member no longer: the grace time of presence after the last connection has gone. */
	onLeave?(member: GroupMember<NoInfer<Role>>, group: OpenGroup): MaybePromise<void>;
	/** Somebody has been refused with FULL. */
	onFull?(ctx: LiveContext, group: OpenGroup): MaybePromise<void>;
	/** The group has been closed by `ctx.groups.close()`. */
	onClose?(group: OpenGroup): MaybePromise<void>;
}

/** Options as they are when nothing is known of their types. */
export type AnyOptions = GroupOptions<
	readonly unknown[],
	string,
	EventSchemas,
	string,
	unknown,
	unknown
>;

/** What the plugin needs to know of a declared group. */
export interface GroupFacts {
	readonly roles: readonly string[];
	readonly events: EventSchemas;
	readonly max: number;
	readonly onJoin: AnyOptions['onJoin'];
	readonly onLeave: AnyOptions['onLeave'];
	readonly onFull: AnyOptions['onFull'];
	readonly onClose: AnyOptions['onClose'];
}

/** A group that browsers join through `$live/*`. Called on the server it lists the members. */
export interface LiveGroup<
	Args extends readonly unknown[],
	Role extends string,
	Events extends EventSchemas,
	Said extends keyof Events,
	Data,
	Meta,
	Dynamic extends boolean = boolean
> {
	(ctx: LiveContext, ...args: Args): MaybePromise<readonly GroupMember<Role, Data>[]>;
	/**
	 * Checks an event and publishes it to all members, or to those of some roles; nobody is counted
	 * through. The arguments of the name come last.
	 *
	 * @throws {LiveError} INVALID_REQUEST for an event that there is not, VALIDATION with the issues; a
	 * promise that rejects where the schema is asynchronous. Nothing is published then.
	 */
	publish<Name extends keyof Events & string>(
		ctx: LiveContext,
		event: Name,
		data: EventInput<Events[Name]>,
		to?: Addressed<Role>,
		...args: Args
	): MaybePromise<PublishResult>;
	readonly '~live': Omit<Declaration, 'kind'> & {
		readonly kind: 'group';
		/** Type only. */
		readonly args: Args;
		/** Type only. */
		readonly role: Role;
		/** Type only. */
		readonly member: GroupMember<Role, Data>;
		/** Type only. */
		readonly meta: Meta;
		/** Type only: the name is made from arguments, so the client's group is a function of them. */
		readonly dynamic: Dynamic;
		/** Type only: what a client hears. */
		readonly heard: EventOutputs<Events>;
		/** Type only: what a client may publish. */
		readonly said: EventInputs<Pick<Events, Said>>;
	};
}
