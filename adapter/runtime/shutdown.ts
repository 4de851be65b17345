/** The end of a server: nothing new, what runs may finish, then everything goes. */

import type { Site } from './site.ts';

/** Milliseconds that listeners of `sveltekit:shutdown`, and all else after the requests, may take. */
const LAST_STEPS = 5000;

export interface ShutdownSteps {
	readonly site: Site;
	/** Milliseconds that running requests get. */
	readonly timeout: number;
	/** Accepts no further connections. */
	stopListening(): void;
	/** Ends the sockets; absent where the app has none. */
	closeApp?: (() => Promise<void>) | undefined;
	/** Ends the connections that are left. */
	release(): Promise<void>;
}

/** What the end is called in the event that SvelteKit apps listen to. */
export type ShutdownReason = 'SIGTERM' | 'SIGINT' | 'close';

/** Runs the steps, each bounded; never rejects. */
export async function shutDown(steps: ShutdownSteps, reason: ShutdownReason): Promise<void> {
	const { site, timeout } = steps;
	site.drain();
	steps.stopListening();
	const sockets = Promise.resolve(steps.closeApp?.()).catch((error) => console.error(error));
	await within(timeout, Promise.all([sockets, site.idle()]));
	site.abort();
	await within(LAST_STEPS, announce(reason));
	await within(LAST_STEPS, steps.release());
}

/** Waits for `work`, at most so many milliseconds. */
async function within(time: number, work: Promise<unknown>): Promise<void> {
	let timer: NodeJS.Timeout | undefined;
	// The timer must hold the process: with the listener closed nothing else may, and Node would
	// end in the middle of it, without a word.
	const limit = new Promise((resolve) => (timer = setTimeout(resolve, time)));
	await Promise.race([work, limit]);
	clearTimeout(timer);
}

/** `process.emit` would not wait for listeners that are asynchronous. */
async function announce(reason: ShutdownReason): Promise<void> {
	const name = 'sveltekit:shutdown' as NodeJS.Signals;
	const listeners = process.rawListeners(name) as ((reason: string) => unknown)[];
	await Promise.all(
		listeners.map(async (listener) => {
			try {
				await listener.call(process, reason);
			} catch (error) {
				console.error(error);
			}
		})
	);
}

/**
 * Ends the process with 0 once `close` is through; a second signal ends it at once.
 *
 * @returns takes the handlers away again.
 */
export function onSignals(close: (reason: ShutdownReason) => Promise<void>): () => void {
	let isEnding = false;
	const end = (signal: NodeJS.Signals): void => {
		if (isEnding) process.exit(signal === 'SIGINT' ? 130 : 143);
		isEnding = true;
		void close(signal as ShutdownReason).then(() => process.exit(0));
	};
	process.on('SIGTERM', end);
	process.on('SIGINT', end);
	return () => {
		process.off('SIGTERM', end);
		process.off('SIGINT', end);
	};
}
