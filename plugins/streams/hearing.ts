/** Hearing the events of topics on the server: one handler for each topic, however many hear it. */

import type { PluginKernel, PublishedContext } from 'svelte-realtime/kernel';
import { followOf } from '../following.ts';

type Listener = (event: PublishedContext) => void;

/** The result ends it. */
export type Hear = (topic: string, listener: Listener) => () => void;

export function createHearing(
	kernel: Pick<PluginKernel<never, never>, 'classOf' | 'find' | 'hook' | 'report'>
): Hear {
	const topics = new Map<string, { readonly listeners: Set<Listener>; readonly end: () => void }>();
	return (topic, listener) => {
		let heard = topics.get(topic);
		if (!heard) {
			const listeners = new Set<Listener>();
			const followed = followOf(kernel)?.(topic);
			const unhook = kernel.hook(
				'published',
				(event) => {
					// A name that ends in `*` stands for others too.
					if (event.topic === topic) for (const each of [...listeners]) each(event);
				},
				{ topics: topic }
			);
			const end = (): void => {
				unhook();
				followed?.end();
			};
			heard = { listeners, end };
			topics.set(topic, heard);
		}
		const { listeners, end } = heard;
		listeners.add(listener);
		return () => {
			if (!listeners.delete(listener) || listeners.size > 0) return;
			end();
			topics.delete(topic);
		};
	};
}
