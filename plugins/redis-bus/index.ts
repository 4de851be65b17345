/** Carries what is published to ephemeral topics to the other instances. */

import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/redis';
import { createOutbox } from './outbox.ts';
import { readParcel, writeParcel } from './parcel.ts';

/**
 * Relays ephemeral topics over Redis, to those instances that have followers of them: newest wins,
 * and nothing is promised. What is published in one tick travels together; while Redis is down each
 * instance goes on for itself.
 */
export function redisBus(): Plugin<'redis', never> {
	return definePlugin({
		name: 'redis-bus',
		requires: ['redis'],
		async setup(kernel) {
			const { prefix, connect, subscribe } = kernel.use('redis');
			const [toHear, toSay] = [connect('bus-subscribe'), connect('bus-publish')];
			await Promise.all([toHear.tried, toSay.tried]);

			const channelOf = (topic: string): string => `${prefix}bus:${topic}`;
			const start = channelOf('').length;
			const outbox = createOutbox((topic, frames) => {
				// Later it would be old news.
				if (!toSay.isUp) return;
				const parcel = writeParcel(kernel.instanceId, frames);
				toSay.client.publish(channelOf(topic), parcel).catch(() => {});
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

			const followers = new Map<string, number>();
			kernel.hook(
				'subscribed',
				({ topic }) => {
					const count = followers.get(topic) ?? 0;
					followers.set(topic, count + 1);
					if (count === 0) subscriptions.add(channelOf(topic)).catch(kernel.report);
				},
				{ class: 'ephemeral' }
			);
			kernel.hook(
				'unsubscribe',
				({ topic }) => {
					const count = (followers.get(topic) ?? 1) - 1;
					if (count > 0) return void followers.set(topic, count);
					followers.delete(topic);
					subscriptions.remove(channelOf(topic));
				},
				{ class: 'ephemeral' }
			);
		}
	});
}
