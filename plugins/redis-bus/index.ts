/** Carries what is published to ephemeral topics to the other instances. */

import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/redis';
import { followTopics } from '../topic-followers.ts';
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

			const way = {
				begin: (topic: string) => subscriptions.add(channelOf(topic)).catch(kernel.report),
				end: (topic: string) => subscriptions.remove(channelOf(topic))
			};
			kernel.provide('topics.bus', followTopics(kernel as never, way));
		}
	});
}
