/** The browser's half of signals: what the server tells this user. */

import { page, type ClientKernel } from '../../kernel/client/index.ts';
import { guarded } from '../../kernel/client/listeners.ts';
import type { FrameOf } from '../../kernel/protocol.ts';
import type { Signals } from 'svelte-realtime/kernel';
import { NAMESPACE } from './frames.ts';
import type { AnySignal, SignalData, SignalName } from './types.ts';

/** Hears what the server tells the user of this page. */
export interface OnSignal<S = Signals> {
	/**
	 * Hears one signal, from now on and over every reconnect.
	 *
	 * @returns what ends it.
	 * @example $effect(() => onSignal('invited', ({ board }) => show(board)));
	 */
	<Name extends SignalName<S>>(
		event: Name,
		listener: (data: SignalData<Name, S>) => void
	): () => void;
	/** Hears all of them. */
	(listener: (...signal: AnySignal<S>) => void): () => void;
}

type Listener = (event: string, data: unknown) => void;

/** Makes `onSignal` of a client. */
export function onSignalOf(kernel: ClientKernel): OnSignal {
	return ((first: string | Listener, second?: (data: unknown) => void) => {
		// While a page is rendered nobody is there to hear anything.
		if (!kernel.options.url && !('location' in globalThis)) return () => {};
		const heard: Listener =
			typeof first === 'function'
				? first
				: (event, data) => {
						if (event === first) second!(data);
					};
		kernel.connect();
		return kernel.install(setup)(heard);
	}) as OnSignal;
}

function setup(kernel: ClientKernel): (listener: Listener) => () => void {
	/** Wrapped, since one function may listen twice. */
	const entries = new Set<{ readonly listener: Listener }>();

	function hear({ topic, event, data, devalue }: FrameOf<'event'>): void {
		// A connection hears the signals of its own user only, so there is nobody to tell apart.
		if (!topic.startsWith(NAMESPACE)) return;
		const value = kernel.values.decode(data, devalue);
		for (const entry of [...entries]) {
			if (entries.has(entry)) guarded(() => entry.listener(event, value));
		}
	}
	kernel.hook('frame', hear as never, 'event');

	return (listener) => {
		const entry = { listener };
		entries.add(entry);
		return () => void entries.delete(entry);
	};
}

/** Hears what the server tells the user of this page. */
export const onSignal: OnSignal = /* @__PURE__ */ onSignalOf(page);
