/** Hearing the events of a stream one by one, as they are applied: each once, in order. */

import { guarded } from '../../kernel/client/listeners.ts';
import type { Follower } from './follower.ts';
import { strategies } from './merge/index.ts';
import type { Handled } from './store.ts';

type Listener = (event: string, data: unknown) => void;

/** Those who listen to one follower. */
interface Hearing {
	readonly follower: Follower;
	readonly listeners: Set<{ readonly listener: Listener }>;
	hear(event: string, data: unknown): void;
}

const hearings = new Map<Follower, Hearing>();
const wrapped = new Set<string>();

/**
 * What is applied to a value has passed everything that sorts out what comes twice or out of order,
 * so this is where it is heard.
 */
function listenIn(): void {
	// A value that no event changes; its events are heard all the same.
	strategies['none'] ??= () => {};
	for (const name of ['set', 'latest', 'crud', 'none', 'group']) {
		const inner = strategies[name];
		if (!inner || wrapped.has(name)) continue;
		wrapped.add(name);
		strategies[name] = (list, event, data) => {
			inner(list, event, data);
			// A list that is made to show something that is not confirmed is nobody's own.
			for (const { follower, hear } of hearings.values()) {
				if (follower.list === list) hear(event, data);
			}
		};
	}
}

function open(follower: Follower): Hearing {
	const listeners: Hearing['listeners'] = new Set();
	let heard: (() => void)[] = [];
	const hearing: Hearing = {
		follower,
		listeners,
		hear(event, data) {
			const present = [...listeners];
			const tell = (): void => {
				for (const entry of present) {
					if (listeners.has(entry)) guarded(() => entry.listener(event, data));
				}
			};
			// The value and its position are those of after the event when anybody looks.
			if (heard.push(tell) > 1) return;
			queueMicrotask(() => {
				const all = heard;
				heard = [];
				for (const one of all) one();
			});
		}
	};
	hearings.set(follower, hearing);
	return hearing;
}

/** Hears every event of a stream from now on, and follows it for that; the result ends it. */
export function hear({ '~stream': { retain, find } }: Handled, listener: Listener): () => void {
	listenIn();
	const leave = retain(() => {});
	const follower = find()!;
	const hearing = hearings.get(follower) ?? open(follower);
	const entry = { listener };
	hearing.listeners.add(entry);
	return () => {
		if (!hearing.listeners.delete(entry)) return;
		if (hearing.listeners.size === 0) hearings.delete(follower);
		leave();
	};
}
