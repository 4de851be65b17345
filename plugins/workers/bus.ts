/** Carries what is published to ephemeral topics to the other workers. */

import type { PluginKernel } from 'svelte-realtime/kernel';
import type { TopicsBus } from 'svelte-realtime/plugins/redis-bus';
import { readFrame, TAB, writeFrame } from '../frame-text.ts';
import { followTopics } from '../topic-followers.ts';
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

	return followTopics(kernel, {
		begin: (topic) => channel.call<void>('bus', 'follow', topic).catch(kernel.report),
		end: (topic) => channel.tell('bus', 'unfollow', topic)
	});
}
