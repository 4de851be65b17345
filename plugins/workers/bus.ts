/** Carries what is published to ephemeral topics to the other workers. */

import type { PluginKernel } from 'svelte-realtime/kernel';
import type { TopicsBus } from 'svelte-realtime/plugins/redis-bus';
import { readFrame, TAB, writeFrame } from '../frame-text.ts';
import type { Channel } from './link.ts';

/** Lines in both directions: `E`, topic, frame. Only workers that follow a topic are sent its frames. */
export function relay(kernel: PluginKernel<never, never>, channel: Channel): TopicsBus {
	channel.onLine('E', (line) => {
		const [, topic, about, json] = line.split(TAB);
		const frame = readFrame(about, json);
		kernel.deliver({ ...frame, topic: topic!, seq: 0, epoch: '', origin: 'remote' });
	});
	kernel.hook(
		'publish',
		(ctx) => {
			if (ctx.origin !== 'local') return;
			const { topic, event, op } = ctx;
			const frame = writeFrame({ event, value: ctx.encoded(), op });
			channel.write(['E', topic, frame].join(TAB));
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
		const heard = channel.call<void>('bus', 'follow', topic).catch(kernel.report);
		followed.set(topic, { count: 1, heard });
		return heard;
	}

	function leave(topic: string): void {
		const known = followed.get(topic);
		if (!known || (known.count -= 1) > 0) return;
		followed.delete(topic);
		channel.tell('bus', 'unfollow', topic);
	}

	kernel.hook('subscribed', ({ topic }) => void follow(topic), { class: 'ephemeral' });
	kernel.hook('unsubscribe', ({ topic }) => leave(topic), { class: 'ephemeral' });
	return {
		async follow(topic) {
			await follow(topic);
			let isOpen = true;
			return () => {
				if (isOpen) leave(topic);
				isOpen = false;
			};
		}
	};
}
