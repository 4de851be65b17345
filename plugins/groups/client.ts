/** The browser's half of groups: being a member, seeing the others, hearing and telling. */

import type { ClientKernel } from '../../kernel/client/index.ts';
import type { Seed, StreamStore, StreamStub } from 'svelte-realtime/plugins/streams/client';
import { onOf } from '../channels/client.ts';
import { rpcClient } from '../rpc/client.ts';
import type { Follower, StreamState } from '../streams/follower.ts';
import type { SnapshotFrame } from '../streams/frames.ts';
import { strategies } from '../streams/merge/index.ts';
import { installMembers } from '../streams/merge/members.ts';
import { storeOf, type Handled, type StreamHandle } from '../streams/store.ts';
import type { Addressed, GroupMember } from './options.ts';

/** What the page is in a group. */
export interface Membership<Role, Meta> {
	readonly role: Role;
	readonly meta: Meta;
	/** The group has ended, and the page is no member any more. */
	readonly closed?: true;
}

/**
 * A group as the page sees it. Who follows it, by subscribing, by reading it in an effect or by
 * listening, is a member; who only follows `members` looks on.
 */
export interface GroupStore<Role, Data, Meta, Heard, Said> extends StreamStore<
	Membership<Role, Meta>
> {
	/** Who is in the group, first come first. */
	readonly members: StreamStore<readonly GroupMember<Role, Data>[]>;
	/** What the page is; `undefined` until it is a member. */
	readonly role: Role | undefined;
	/** What the group is; `undefined` until the page is a member. */
	readonly meta: Meta | undefined;
	/** The group has ended. Who follows it again opens it anew. */
	readonly closed: boolean;
	/**
	 * Hears every event of this name that is for the page's role: each once, in order, also those that
	 * were missed while there was no connection. The page is a member for it.
	 *
	 * @returns what ends it.
	 * @throws {LiveError} INVALID_REQUEST for a name that the group does not have, once it is known.
	 */
	on<Name extends keyof Heard & string>(
		event: Name,
		listener: (data: Heard[Name]) => void
	): () => void;
	/**
	 * Publishes an event to all members or to those of some roles, as a call.
	 *
	 * @throws {LiveError} FORBIDDEN also for who is no member; VALIDATION, INVALID_REQUEST.
	 */
	publish<Name extends keyof Said & string>(
		event: Name,
		data?: Said[Name],
		to?: Addressed<Role>
	): Promise<void>;
}

type AnyStore = GroupStore<
	string,
	unknown,
	unknown,
	Record<string, unknown>,
	Record<string, unknown>
>;

/** The stub of a group; see StreamStub. */
export type GroupStub = AnyStore &
	((...args: unknown[]) => AnyStore) &
	Pick<StreamStub, 'load'> & {
		/** A store that begins with what the server rendered, and goes on from there. */
		hydrate(seed: Seed): AnyStore;
	};

/** The event that ends a group for its members. */
const CLOSED = '__close';

/** Adds the strategy of groups: no event of the app's changes what the page is. */
function installGroups(): void {
	installMembers();
	strategies['group'] ??= (list, event) => {
		if (event === CLOSED) list.reset({ ...(list.peek() as object), closed: true });
	};
}

const tamed = new WeakSet<Follower>();

/** What is followed is the topic of a role: it may be another one after a break, and it may end. */
function tame(follower: Follower): void {
	if (tamed.has(follower)) return;
	tamed.add(follower);
	const { answer, event } = follower;

	/** Makes what is here something that cannot be continued: the next question is answered in full. */
	function breakOff(frame: object): void {
		const { id, topic = '', options, list } = follower;
		const here = { ...options, id, topic, data: list?.peek(), events: [], epoch: '-', seq: 0 };
		answer({ ...here, ...frame, type: 'stream:snapshot' } as SnapshotFrame & { type: string });
	}

	function endIfClosed(): void {
		if (!(follower.list?.peek() as Partial<Membership<unknown, unknown>> | undefined)?.closed)
			return;
		breakOff({});
		follower.stop();
	}

	follower.answer = (frame) => {
		const before = follower.topic ?? (follower.options as { topic?: string } | undefined)?.topic;
		if (frame.type !== 'stream:snapshot' && before !== undefined && frame.topic !== before) {
			breakOff({ topic: frame.topic });
			return follower.ask();
		}
		answer(frame);
		endIfClosed();
	};
	follower.event = (frame) => {
		event(frame);
		endIfClosed();
	};
}

/** Makes the stub of a group out of those of its parts. */
export function groupStub(
	kernel: ClientKernel,
	path: string,
	parts: { readonly events: StreamStub; readonly members: StreamStub }
): GroupStub {
	installGroups();
	const dress = <T extends object>(store: T, args: readonly unknown[]): T => {
		// A store that is in use is dressed already.
		if ('publish' in store) return store;
		const handle = (store as unknown as Handled)['~stream'];
		const { retain, find } = handle;
		Object.assign(handle, {
			retain(listener: () => void) {
				const leave = retain(listener);
				tame(find()!);
				return leave;
			}
		});
		const read = (name: keyof Membership<unknown, unknown>, none?: unknown) => (): unknown =>
			(store as unknown as AnyStore).current?.[name] ?? none;
		let members: unknown;
		return Object.defineProperties(store, {
			members: { get: () => (members ??= membersOf(parts.members(...args))) },
			role: { get: read('role') },
			meta: { get: read('meta') },
			closed: { get: read('closed', false) },
			on: { value: onOf(store as unknown as Handled) },
			publish: {
				value: (event: string, data?: unknown, to?: object) =>
					rpcClient(kernel).call(`${path}.publish`, [event, data, to ?? null, ...args])
			}
		});
	};
	const { events } = parts;
	const stub = (...args: unknown[]): object =>
		args.length === 0 ? stub : dress(events(...args), args);
	Object.assign(stub, {
		'~stream': (events as unknown as Handled)['~stream'],
		load: events.load,
		hydrate: (seed: Seed) => dress(events.hydrate(seed), seed.args)
	});
	return dress(Object.setPrototypeOf(stub, Object.getPrototypeOf(events) as object), []) as never;
}

/** The members as presence lists them, as those of a group; the same list for the same list. */
function membersOf(stream: StreamStore<unknown>): StreamStore<unknown> {
	const handle = (stream as unknown as Handled)['~stream'];
	let all: unknown;
	let members: unknown;
	return storeOf({}, {
		...handle,
		state() {
			const state = handle.state();
			if (state.value !== all) {
				all = state.value;
				members = Array.isArray(all) ? all.map(memberOf) : all;
			}
			return Object.create(state, { value: { value: members } }) as StreamState;
		}
	} satisfies StreamHandle);
}

function memberOf({
	key,
	data
}: {
	key: string;
	data: { role: string; data?: unknown };
}): GroupMember {
	return { key, role: data.role, data: data.data };
}
