/** The server that runs in this process, as what stands in for live modules finds it. */

import { RealtimeError, type Kernel } from 'svelte-realtime/kernel';

/** What of the running app the stand-ins know. */
export interface RunningApp {
	readonly kernel: Kernel;
	/** What a page of the framework's fails with where a stream could not be loaded. @default the error */
	readonly forPage?: (error: unknown) => unknown;
}

/**
 * Found through a global symbol: bundling can make two copies of this module.
 *
 * @param path What it is wanted for, for the message.
 * @throws {RealtimeError} RT_SERVER_NOT_RUNNING.
 */
export function runningApp(path: string): RunningApp {
	const { [Symbol.for('svelte-realtime.app') as never]: app } = globalThis as never;
	if ((app as Partial<RunningApp> | undefined)?.kernel === undefined) {
		throw new RealtimeError('RT_SERVER_NOT_RUNNING', [path]);
	}
	return app;
}

/** The kernel of that. @throws {RealtimeError} RT_SERVER_NOT_RUNNING. */
export function runningKernel(path: string): Kernel {
	return runningApp(path).kernel;
}
