/** Health: how the backends of this instance stand, for its operator and for its pages. */

import {
	chain,
	definePlugin,
	encode,
	HANDLED,
	type Connection,
	type Plugin,
	type Subscription
} from 'svelte-realtime/kernel';
import { CHANGED, TOPIC, type PageHealth } from './frames.ts';
import { States, type HealthDetails, type HealthEntry, type HealthState } from './states.ts';

export type { PageHealth } from './frames.ts';
export type { HealthDetails, HealthEntry, HealthState } from './states.ts';

/** How the backends of this instance stand. It says so, and takes nothing out of service. */
export interface Health {
	/**
	 * Says how a backend stands from now on.
	 *
	 * @param name The backend, as `redis`, or `backend:operation` where each fails for itself.
	 */
	set(name: string, state: HealthState, details?: HealthDetails): void;
	/** All that was said, each as it stands now. */
	states(): readonly HealthEntry[];
	/** Tells of each change; the result ends it. */
	watch(listener: (entry: HealthEntry) => void): () => void;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		health: Health;
	}
}

/**
 * Keeps how the backends stand: for the body of `/readyz`, for metrics, and for pages that ask.
 *
 * A page that asks for it is told at once, and again with each change; no other page is sent anything.
 */
export function health(): Plugin<never, 'health'> {
	return definePlugin({
		name: 'health',
		provides: ['health'],
		setup(kernel) {
			kernel.declareTopics(TOPIC, 'ephemeral');
			const states = new States(kernel.clock);
			const watching = new WeakMap<Connection, Subscription>();
			let told: PageHealth = states.forPages();

			/** To this instance's pages only: how another one stands is that one's to say. */
			function tell(): void {
				const now = states.forPages();
				if (now.state === told.state && String(now.what) === String(told.what)) return;
				told = now;
				const value = kernel.values.encode(now, 'health');
				kernel.deliver({ topic: TOPIC, event: CHANGED, value, seq: 0, epoch: '', origin: 'local' });
			}

			kernel.hook(
				'message',
				({ connection }) => {
					if (!watching.has(connection)) {
						const subscription = kernel.subscribe(connection, TOPIC);
						watching.set(connection, subscription);
						void chain(subscription.verdict, () => void subscription.enter());
					}
					connection.answer(encode({ type: 'health:state', ...states.forPages() }));
					return HANDLED;
				},
				{ type: 'health:watch' }
			);

			kernel.provide('health', {
				set(name, state, details = {}) {
					if (states.set(name, state, details, kernel.report)) tell();
				},
				states: () => states.all(),
				watch: (listener) => states.watch(listener)
			});
		}
	});
}
