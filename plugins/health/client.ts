/** The browser's half of health: whether what the page shows is live. */

import { createSubscriber } from 'svelte/reactivity';
import { createListeners, page, type ClientKernel } from '../../kernel/client/index.ts';
import type { FrameOf } from '../../kernel/protocol.ts';
import { CHANGED, TOPIC, type PageHealth } from './frames.ts';

/** How the server stands, as it has told last. A Svelte store of itself; the getters react in runes. */
export interface HealthStatus {
	/**
	 * `degraded`: the page is connected, and what others do may reach it late, or not until it recovers.
	 * Whether the page is connected at all is `connection.status`.
	 */
	readonly state: 'ok' | 'degraded';
	/** What does not work on the server, as `redis`. */
	readonly what: readonly string[];
	/** When it became so, by the clock of this device; `undefined` before the server has told. */
	readonly since: Date | undefined;
	subscribe(run: (health: HealthStatus) => void): () => void;
}

/**
 * Makes `health` of a client; it asks the server with the first that reads it in an effect, or
 * subscribes to it.
 */
export function healthOf(kernel: ClientKernel): HealthStatus {
	const listeners = createListeners();
	let now: Pick<PageHealth, 'state' | 'what'> = { state: 'ok', what: [] };
	let since: Date | undefined;
	let isAsked = false;

	const take = (told: PageHealth): void => {
		now = told;
		since = new Date(kernel.clock.now() - told.for);
		listeners.notify();
	};
	const ask = (): void => kernel.send({ frame: { type: 'health:watch' } });

	function begin(): void {
		// While a page is rendered there is nobody to tell.
		if (isAsked || (!kernel.options.url && !('location' in globalThis))) return;
		isAsked = true;
		kernel.hook('frame', (frame) => take(frame as never as PageHealth), 'health:state');
		const hear = ({ topic, event, data }: FrameOf<'event'>): void => {
			if (topic === TOPIC && event === CHANGED) take(data as PageHealth);
		};
		kernel.hook('frame', hear as never, 'event');
		// The server knows a connection, not a page.
		kernel.hook('open', ask);
		if (kernel.status() === 'open') ask();
		else kernel.connect();
	}

	let track: (() => void) | undefined;
	const tracked = (): void =>
		(track ??= createSubscriber((update) => {
			begin();
			return listeners.add(update);
		}))();

	const status: HealthStatus = {
		get state() {
			tracked();
			return now.state;
		},
		get what() {
			tracked();
			return now.what;
		},
		get since() {
			tracked();
			return since;
		},
		subscribe(run) {
			begin();
			const leave = listeners.add(() => run(status));
			run(status);
			return leave;
		}
	};
	return status;
}

/** How the server of this page stands. */
export const health: HealthStatus = /* @__PURE__ */ healthOf(page);
