/** Carries what is published to ephemeral topics to the other instances. */

import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/redis';
import { createOutbox } from './outbox.ts';
import { readParcel, writeParcel } from './parcel.ts';

/** Carries ephemeral topics between instances. */
export interface TopicsBus {
	/**
	 * Hears a topic on behalf of the server itself, though no connection follows it; resolves when it is
	 * heard. The result ends it.
	 */
	follow(topic: string): Promise<() => void>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		'topics.bus': TopicsBus;
	}
}

/**
 * Relays ephemeral topics over Redis, to those instances that have followers of them: newest wins,
 * and nothing is promised. What is published in one tick travels together; while Redis is down each
 * instance goes on for itself.
 */
export function redisBus(): Plugin<'redis', 'topics.bus'> {
	return definePlugin({
		name: 'redis-bus',
		requires: ['redis'],
		provides: ['topics.bus'],
		async setup(kernel) {
			const { prefix, connect, subscribe, broadcast } = kernel.use('redis');
			const [toHear, toSay] = [connect('bus-subscribe'), connect('bus-publish')];
			await Promise.all([toHear.tried, toSay.tried]);

			const channelOf = (topic: string): string => `${prefix}bus:${topic}`;
			const start = channelOf('').length;
			const outbox = createOutbox((topic, frames) => {
				// Later it would be old news.
				if (!toSay.isUp) return;
				const parcel = writeParcel(kernel.instanceId, frames);
				toSay.client[broadcast](channelOf(topic), parcel).catch(() => {});
			});
			const subscriptions = subscribe({
				link: toHear,
				receive(channel, message) {
					const { instance, frames } = readParcel(message);
					if (instance === kernel.instanceId) return;
					const topic = channel.slice(start);
					for (const frame of frames) {
						kernel.deliver({ ...frame, topic, seq: 0, epoch: '', origin: 'remote' });
					}
				},
				resumed() {}
			});

			kernel.hook(
				'publish',
				(ctx) => {
					const { topic, event, op } = ctx;
					if (ctx.origin === 'local') outbox.add(topic, { event, value: ctx.encoded(), op });
				},
				{ order: 'post', class: 'ephemeral' }
			);

			/** By topic: how many follow it, and from when it is heard. */
			const followed = new Map<string, { count: number; readonly heard: Promise<void> }>();

			function follow(topic: string): Promise<void> {
				const known = followed.get(topic);
				if (known) {
					known.count += 1;
					return known.heard;
				}
				const heard = subscriptions.add(channelOf(topic)).catch(kernel.report);
				followed.set(topic, { count: 1, heard });
				return heard;
			}

			function leave(topic: string): void {
				const known = followed.get(topic);
				if (!known || (known.count -= 1) > 0) return;
				followed.delete(topic);
				subscriptions.remove(channelOf(topic));
			}

			kernel.hook('subscribed', ({ topic }) => void follow(topic), { class: 'ephemeral' });
			kernel.hook('unsubscribe', ({ topic }) => leave(topic), { class: 'ephemeral' });
			kernel.provide('topics.bus', {
				async follow(topic) {
					await follow(topic);
					let isOpen = true;
					return () => {
						if (isOpen) leave(topic);
						isOpen = false;
					};
				}
			});
		}
	});
}
