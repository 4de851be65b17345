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
import { Wish, type Asker, type WishHost } from './wish.ts';

/** One wish to follow a topic, from asking to leaving. */
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

export class Subscriptions implements WishHost {
	readonly #options: SubscriptionsOptions;

	constructor(options: SubscriptionsOptions) {
		this.#options = options;
	}

	request(
		connection: SocketConnection,
		topic: string,
		since: Position | undefined,
		asker: Asker
	): Subscription {
		const ctx: SubscribeContext = { connection, topic, since };
		return new Wish(this, { connection, topic, since }, this.#ask(ctx), asker);
	}

	/** What a plugin is given that has been taken out: its caller tries again, with its successor. */
	refused(topic: string): Subscription {
		const verdict = deny('SERVICE_UNAVAILABLE', 'The server is being changed.');
		return { topic, verdict, enter: () => false, leave: () => {} };
	}

	/** The connection is gone: whatever it still follows is left. */
	leaveAll(connection: SocketConnection): void {
		let wish = connection.followed;
		connection.followed = undefined;
		if (wish === undefined) return;
		const topics = new Set<string>();
		const variants = new Map<string, string>();
		while (wish !== undefined) {
			const { topic, name, next }: Wish = wish;
			topics.add(topic);
			if (name !== topic) variants.set(name, topic);
			wish.end();
			wish = next;
		}
		for (const [name, topic] of variants) this.#options.variants.removeVariant(topic, name);
		for (const topic of topics) this.#notify(connection, 'unsubscribe', topic, undefined);
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

	enter(wish: Wish, since: Position | undefined, variant: Variant | undefined): boolean {
		const { connection, topic, name } = wish;
		let last: Wish | undefined;
		let isNew = true;
		let isEntered = false;
		for (let other = connection.followed; other !== undefined; other = other.next) {
			if (other.topic === topic) isNew = false;
			if (other.name === name) isEntered = true;
			last = other;
		}
		if (!isEntered && !connection.follow(name)) return false;
		if (!isEntered && variant) this.#options.variants.addVariant(topic, variant);
		if (last === undefined) connection.followed = wish;
		else last.next = wish;
		wish.entered();
		if (isNew) this.#notify(connection, 'subscribed', topic, since);
		return true;
	}

	leave(wish: Wish): void {
		const { connection, topic, name } = wish;
		let isFollowed = false;
		let isEntered = false;
		let before: Wish | undefined;
		for (let other = connection.followed; other !== undefined; other = other.next) {
			if (other.next === wish) before = other;
			if (other === wish) continue;
			if (other.topic === topic) isFollowed = true;
			if (other.name === name) isEntered = true;
		}
		if (before === undefined) connection.followed = wish.next;
		else before.next = wish.next;
		wish.next = undefined;
		if (isEntered) return;
		connection.unfollow(name);
		if (name !== topic) this.#options.variants.removeVariant(topic, name);
		if (!isFollowed) this.#notify(connection, 'unsubscribe', topic, undefined);
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
		connection.holdNotices(topic, settled);
		void settled.then(() => {
			const { notices } = connection;
			if (notices?.get(topic) === settled) notices.delete(topic);
		});
	}
}
