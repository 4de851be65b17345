/** Hearing the events of topics on the server: one handler for each topic, however many hear it. */

import type { PluginKernel, PublishedContext } from 'svelte-realtime/kernel';

type Listener = (event: PublishedContext) => void;

/** The result ends it. */
export type Hear = (topic: string, listener: Listener) => () => void;

export function createHearing({ hook }: Pick<PluginKernel<never, never>, 'hook'>): Hear {
	const topics = new Map<string, { readonly listeners: Set<Listener>; readonly end: () => void }>();
	return (topic, listener) => {
		let heard = topics.get(topic);
		if (!heard) {
			const listeners = new Set<Listener>();
			const end = hook(
				'published',
				(event) => {
					// A name that ends in `*` stands for others too.
					if (event.topic === topic) for (const each of [...listeners]) each(event);
				},
				{ topics: topic }
			);
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
