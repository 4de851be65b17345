/** The end of a server: nothing new, what runs may finish, then everything goes. */

import type { Reason } from '../workers/messages.ts';
import type { Site } from './site.ts';

/** Milliseconds that listeners of `sveltekit:shutdown`, and all else after the requests, get at least. */
export const LAST_STEPS = 5000;

/** The part of the time that is left which clients that go elsewhere may take: plugins need some too. */
const LEAVING = 0.8;

export interface ShutdownSteps {
	readonly site: Site;
	/** Milliseconds that connections are still accepted for. @default 0 */
	readonly delay?: number;
	/** Milliseconds that running requests get. */
	readonly timeout: number;
	/** Accepts no further connections, from when it resolves on. */
	stopListening(): Promise<void>;
	/**
	 * Sends the clients of sockets elsewhere, where there is somebody to take them.
	 *
	 * @param deadline Milliseconds that it may take.
	 */
	leave?: ((deadline: number) => Promise<void>) | undefined;
	/** Ends the sockets; absent where the app has none. */
	closeApp?: (() => Promise<void>) | undefined;
	/** Ends the connections that are left. */
	release(): Promise<void>;
}

/** What the end is called in the event that SvelteKit apps listen to. */
export type ShutdownReason = Reason | 'IDLE';

/** Runs the steps, each bounded; never rejects. */
export async function shutDown(steps: ShutdownSteps, reason: ShutdownReason): Promise<void> {
	const { site, timeout } = steps;
	const end = performance.now() + timeout;
	const rest = (): number => Math.max(0, end - performance.now());
	if (steps.delay) {
		site.drain();
		await within(Math.min(steps.delay, timeout), new Promise(() => {}));
	}
	// Before clients are told to connect anew, who would come to where nobody listens any more.
	await within(rest(), attempt(steps.stopListening()));
	site.drain();
	const share = rest() * LEAVING;
	if (steps.leave) await within(share, attempt(steps.leave(share)));
	const sockets = attempt(steps.closeApp?.());
	await within(rest(), Promise.all([sockets, site.idle()]));
	site.abort();
	await within(Math.max(rest(), LAST_STEPS), announce(reason));
	await within(LAST_STEPS, steps.release());
}

/** What fails is told, and the end goes on. */
async function attempt(work: Promise<void> | undefined): Promise<void> {
	await Promise.resolve(work).catch((error: unknown) => console.error(error));
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

export interface Ending {
	/** Ends the process as a signal does. */
	end(reason: ShutdownReason): void;
	/** Takes the handlers away again. */
	forget(): void;
}

/** Ends the process with 0 once `close` is through; a second signal ends it at once. */
export function onSignals(close: (reason: ShutdownReason) => Promise<void>): Ending {
	let isEnding = false;
	const end = (reason: ShutdownReason): void => {
		isEnding = true;
		void close(reason).then(() => process.exit(0));
	};
	const onSignal = (signal: NodeJS.Signals): void => {
		if (isEnding) process.exit(signal === 'SIGINT' ? 130 : 143);
		end(signal as ShutdownReason);
	};
	process.on('SIGTERM', onSignal);
	process.on('SIGINT', onSignal);
	return {
		end,
		forget() {
			process.off('SIGTERM', onSignal);
			process.off('SIGINT', onSignal);
		}
	};
}
