/** Signals: tells one user something, on all of their connections. */

import {
	chain,
	definePlugin,
	type Connection,
	type MaybePromise,
	type Plugin,
	type PublishResult,
	type Signals,
	type Subscription
} from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/identity';
import { userIdOf } from '../user-id.ts';
import { NAMESPACE } from './frames.ts';
import type { SignalArgs, SignalName } from './types.ts';

export type { AnySignal, SignalArgs, SignalData, SignalName } from './types.ts';

/** Who is meant: a user, or the id of one. */
export type SignalUser = string | number | bigint | { readonly id: string | number | bigint };

/** What became of a signal. */
export type SignalResult = PublishResult & {
	/**
	 * Connections of the user on this instance. 0 means that nobody here has heard it; on other
	 * instances somebody may have.
	 */
	readonly connections: number;
};

/**
 * Tells a user something on every connection that they have: each tab, on every instance.
 *
 * Those who are not there do not hear of it later. What one caller sends arrives in order. The result
 * may be ignored or awaited; it never throws.
 *
 * @example ctx.signal(board.owner, 'invited', { board: board.id })
 */
export interface Signal<S = Signals> {
	<Name extends SignalName<S>>(
		user: SignalUser,
		event: Name,
		...data: SignalArgs<Name, S>
	): MaybePromise<SignalResult>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		signal: Signal;
	}
}

/** What a connection hears, and under whose name. */
interface Hearing {
	readonly topic: string;
	readonly subscription: Subscription;
}

/**
 * Lets every connection of a user who is known hear that user's signals, and nobody else's.
 *
 * Nothing is to be wired: the server follows on the connection's behalf, and no frame of a client
 * names whose signals it wants. The user is the `id` that the gates of `upgrade` have found.
 */
export function signals(): Plugin<never, 'signal'> {
	return definePlugin({
		name: 'signals',
		optional: ['identity'],
		provides: ['signal'],
		setup(kernel) {
			kernel.declareTopics(`${NAMESPACE}*`, 'ephemeral');
			const hearing = new WeakMap<Connection, Hearing>();
			/** Topic → connections of this instance that hear it. */
			const counts = new Map<string, number>();

			function stop(connection: Connection): void {
				const heard = hearing.get(connection);
				hearing.delete(connection);
				heard?.subscription.leave();
			}

			/** Follows what the connection's user is told, whoever that is by now. */
			function follow(connection: Connection): void {
				const id = userIdOf(connection);
				const topic = id === undefined ? undefined : NAMESPACE + id;
				if (hearing.get(connection)?.topic === topic) return;
				stop(connection);
				if (topic === undefined || !connection.isOpen) return;
				const subscription = kernel.subscribe(connection, topic);
				hearing.set(connection, { topic, subscription });
				// It enters nothing that the gates refuse, or that was left meanwhile.
				void chain(subscription.verdict, () => void subscription.enter());
			}

			const count = (topic: string, by: number): void => {
				const next = (counts.get(topic) ?? 0) + by;
				if (next > 0) counts.set(topic, next);
				else counts.delete(topic);
			};
			const own = { topics: `${NAMESPACE}*` };
			kernel.hook('subscribed', ({ topic }) => count(topic, 1), own);
			kernel.hook('unsubscribe', ({ topic }) => count(topic, -1), own);

			kernel.hook('open', ({ connection }) => follow(connection));
			const identity = kernel.find('identity');
			if (identity) kernel.attach(() => identity.watch(follow));
			// Put in while the server runs: those who are here already hear of it too.
			kernel.hook('changed', () => {
				for (const connection of kernel.connections) follow(connection);
			});

			kernel.provide('signal', (user, event, ...[data]) => {
				const id: unknown = typeof user === 'object' && user !== null ? user.id : user;
				if (!isId(id)) return { status: 'rejected', code: 'INVALID_REQUEST', connections: 0 };
				const topic = NAMESPACE + id;
				const connections = counts.get(topic) ?? 0;
				return chain(kernel.publish(topic, event, data), (result) => ({ ...result, connections }));
			});
		}
	});
}

function isId(id: unknown): id is string | number | bigint {
	return typeof id === 'string' || typeof id === 'number' || typeof id === 'bigint';
}
