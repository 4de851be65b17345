/** Which ephemeral topics this instance has to hear, counted by who follows them. */

import type { PluginKernel } from 'svelte-realtime/kernel';
import type { TopicsBus } from 'svelte-realtime/plugins/redis-bus';

export interface TopicWay {
	/** Resolves when the topic is heard; never rejects. */
	begin(topic: string): Promise<void>;
	end(topic: string): void;
}

/** Has the topics heard that connections of this instance follow, and those that the result is asked for. */
export function followTopics(kernel: PluginKernel<never, never>, way: TopicWay): TopicsBus {
	/** By topic: how many follow it, and from when it is heard. */
	const followed = new Map<string, { count: number; readonly heard: Promise<void> }>();

	function follow(topic: string): Promise<void> {
		const known = followed.get(topic);
		if (known) {
			known.count += 1;
			return known.heard;
		}
		const heard = way.begin(topic);
		followed.set(topic, { count: 1, heard });
		return heard;
	}

	function leave(topic: string): void {
		const known = followed.get(topic);
		if (!known || (known.count -= 1) > 0) return;
		followed.delete(topic);
		way.end(topic);
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
