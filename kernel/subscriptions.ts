/** Who follows what: the gates, the native subscription, and notices in the order of intent. */

import type { Denial } from './codes.ts';
import { deny } from './codes.ts';
import type { Connection, SocketConnection } from './connection.ts';
import type { Position, SubscribeContext } from './contexts.ts';
import type { HookTable } from './hooks.ts';
import type { Limits } from './limits.ts';
import type { Publisher } from './publish.ts';
import { chain, isThenable, runGate, runNotice } from './run.ts';
import { isTopic, type TopicClasses } from './topics.ts';
import type { MaybePromise } from './transport.ts';
import type { Variant } from './variants.ts';

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
	 * @param variant How it is sent the topic's frames, where not as they are. Gates and notices know
	 * the topic only.
	 * @returns whether it does; false when the connection is gone or the subscription was left.
	 */
	enter(variant?: Variant): boolean;
	/** Stops following, or will never begin. Calling it again does nothing. */
	leave(): void;
}

export interface SubscriptionsOptions {
	readonly table: HookTable;
	readonly classes: TopicClasses;
	readonly topicLimit: number;
	/** Hears who follows which variant. */
	readonly variants: Pick<Publisher, 'addVariant' | 'removeVariant'>;
	readonly fail: (hook: string) => (plugin: string, error: unknown) => Denial;
	readonly limited: (limit: keyof Limits, connection: Connection) => void;
}

export class Subscriptions {
	readonly #options: SubscriptionsOptions;

	constructor(options: SubscriptionsOptions) {
		this.#options = options;
	}

	/** @param asked Counts what each connection has asked for and not left. */
	request(
		connection: SocketConnection,
		topic: string,
		since: Position | undefined,
		asked: WeakMap<Connection, number>
	): Subscription {
		asked.set(connection, (asked.get(connection) ?? 0) + 1);
		const ctx: SubscribeContext = { connection, topic, since };
		let state: 'asked' | 'entered' | 'left' = 'asked';
		const verdict = this.#ask(ctx);
		let granted = verdict === undefined;
		/** The native topic, once it is entered. */
		let name = topic;
		if (isThenable(verdict)) void verdict.then((denial) => (granted = denial === undefined));
		return {
			topic,
			verdict,
			enter: (variant) => {
				if (state !== 'asked') return state === 'entered';
				if (!granted || !this.#enter(connection, ctx, variant)) return false;
				if (variant) name = variant.topic;
				state = 'entered';
				return true;
			},
			leave: () => {
				if (state === 'left') return;
				if (state === 'entered') this.#leave(connection, topic, name);
				state = 'left';
				asked.set(connection, asked.get(connection)! - 1);
			}
		};
	}

	/** What a plugin is given that has been taken out: its caller tries again, with its successor. */
	refused(topic: string): Subscription {
		const verdict = deny('SERVICE_UNAVAILABLE', 'The server is being changed.');
		return { topic, verdict, enter: () => false, leave: () => {} };
	}

	/** The connection is gone: whatever it still follows is left. */
	leaveAll(connection: SocketConnection): void {
		const { topics, variants } = connection;
		connection.topics = connection.variants = undefined;
		for (const [name, topic] of variants ?? []) {
			topics!.delete(name);
			this.#options.variants.removeVariant(topic, name);
		}
		for (const topic of new Set([...(topics?.keys() ?? []), ...(variants?.values() ?? [])]))
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

	#enter(
		connection: SocketConnection,
		{ topic, since }: SubscribeContext,
		variant: Variant | undefined
	): boolean {
		const name = variant?.topic ?? topic;
		const isNew = !isFollowed(connection, topic);
		const count = connection.topics?.get(name) ?? 0;
		if (count === 0 && !connection.follow(name)) return false;
		if (count === 0 && variant) {
			(connection.variants ??= new Map()).set(name, topic);
			this.#options.variants.addVariant(topic, variant);
		}
		(connection.topics ??= new Map()).set(name, count + 1);
		if (isNew) this.#notify(connection, 'subscribed', topic, since);
		return true;
	}

	#leave(connection: SocketConnection, topic: string, name: string): void {
		const count = connection.topics?.get(name);
		if (count === undefined) return; // the connection is gone, and all its topics with it
		if (count > 1) {
			connection.topics!.set(name, count - 1);
			return;
		}
		connection.topics!.delete(name);
		connection.unfollow(name);
		if (connection.variants?.delete(name)) this.#options.variants.removeVariant(topic, name);
		if (!isFollowed(connection, topic)) this.#notify(connection, 'unsubscribe', topic, undefined);
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

/** Whether a connection follows a topic, as it is or as a variant. */
function isFollowed({ topics, variants }: SocketConnection, topic: string): boolean {
	if (topics?.has(topic)) return true;
	return variants !== undefined && [...variants.values()].includes(topic);
}
