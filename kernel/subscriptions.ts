/** Who follows what: the gates, the native subscription, and notices in the order of intent. */

import type { Denial } from './codes.ts';
import { deny } from './codes.ts';
import type { Connection, SocketConnection } from './connection.ts';
import type { Position, SubscribeContext } from './contexts.ts';
import type { HookTable } from './hooks.ts';
import type { Limits } from './limits.ts';
import { chain, isThenable, runGate, runNotice } from './run.ts';
import { isTopic, type TopicClasses } from './topics.ts';
import type { MaybePromise } from './transport.ts';

/**
 * One wish to follow a topic, from asking to leaving.
 *
 * Each wish is a thing of its own, so one that is left before it was entered can never be entered:
 * a late subscribe does not beat an unsubscribe.
 */
export interface Subscription {
	readonly topic: string;
	/** What the gates say. Nothing has happened yet when it is there. */
	readonly verdict: MaybePromise<Denial | undefined>;
	/**
	 * Follows the topic, at once: what is published after this call arrives.
	 *
	 * @returns whether it does; false when the connection is gone or the subscription was left.
	 */
	enter(): boolean;
	/** Stops following, or will never begin. Calling it again does nothing. */
	leave(): void;
}

export interface SubscriptionsOptions {
	readonly table: HookTable;
	readonly classes: TopicClasses;
	readonly topicLimit: number;
	readonly fail: (hook: string) => (plugin: string, error: unknown) => Denial;
	readonly limited: (limit: keyof Limits, connection: Connection) => void;
}

export class Subscriptions {
	readonly #options: SubscriptionsOptions;

	constructor(options: SubscriptionsOptions) {
		this.#options = options;
	}

	request(connection: SocketConnection, topic: string, since: Position | undefined): Subscription {
		const ctx: SubscribeContext = { connection, topic, since };
		let state: 'asked' | 'entered' | 'left' = 'asked';
		const verdict = this.#ask(ctx);
		let granted = verdict === undefined;
		if (isThenable(verdict)) void verdict.then((denial) => (granted = denial === undefined));
		return {
			topic,
			verdict,
			enter: () => {
				if (state !== 'asked') return state === 'entered';
				if (!granted || !this.#enter(connection, ctx)) return false;
				state = 'entered';
				return true;
			},
			leave: () => {
				if (state === 'entered') this.#leave(connection, topic);
				state = 'left';
			}
		};
	}

	/** The connection is gone: whatever it still follows is left. */
	leaveAll(connection: SocketConnection): void {
		const { topics } = connection;
		connection.topics = undefined;
		for (const topic of topics?.keys() ?? [])
			this.#notify(connection, 'unsubscribe', topic, undefined);
	}

	#ask(ctx: SubscribeContext): MaybePromise<Denial | undefined> {
		const { table, classes, topicLimit, fail, limited } = this.#options;
		if (!isTopic(ctx.topic, topicLimit)) {
			limited('topic', ctx.connection);
			return deny('INVALID_TOPIC');
		}
		const gates = table.forTopic('subscribe', ctx.topic, classes.of(ctx.topic));
		return gates.length === 0 ? undefined : runGate(gates, ctx, fail('subscribe'));
	}

	#enter(connection: SocketConnection, ctx: SubscribeContext): boolean {
		const { topic } = ctx;
		const count = connection.topics?.get(topic) ?? 0;
		if (count === 0 && !connection.follow(topic)) return false;
		(connection.topics ??= new Map()).set(topic, count + 1);
		if (count === 0) this.#notify(connection, 'subscribed', topic, ctx.since);
		return true;
	}

	#leave(connection: SocketConnection, topic: string): void {
		const count = connection.topics?.get(topic);
		if (count === undefined) return; // the connection is gone, and all its topics with it
		if (count > 1) {
			connection.topics!.set(topic, count - 1);
			return;
		}
		connection.topics!.delete(topic);
		connection.unfollow(topic);
		this.#notify(connection, 'unsubscribe', topic, undefined);
	}

	/** Notices of one connection and topic run one after the other, however long one takes. */
	#notify(
		connection: SocketConnection,
		hook: 'subscribed' | 'unsubscribe',
		topic: string,
		since: Position | undefined
	): void {
		const { table, classes, fail } = this.#options;
		const entries = table.forTopic(hook, topic, classes.of(topic));
		const earlier = connection.notices?.get(topic);
		if (entries.length === 0 && earlier === undefined) return;
		const run = (): MaybePromise<void> =>
			runNotice(entries, { connection, topic, since }, fail(hook));
		const result = chain<void, void>(earlier as MaybePromise<void>, run);
		if (!isThenable(result)) return;
		const settled = Promise.resolve(result);
		const notices = (connection.notices ??= new Map());
		notices.set(topic, settled);
		void settled.then(() => {
			if (notices.get(topic) === settled) notices.delete(topic);
		});
	}
}
