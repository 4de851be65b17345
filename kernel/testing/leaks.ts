/** What a test must not leave behind, looked for when it is over. */

import type { Kernel } from '../kernel.ts';
import { settle, type VirtualClock } from './clock.ts';
import type { FakeTransport } from './transport.ts';

/** A kernel of the test that runs, as far as its end is concerned. */
export interface Watched extends Pick<Kernel, 'shutdown' | 'limits'> {
	readonly clock: VirtualClock;
	readonly transport: FakeTransport;
	readonly errors: readonly { readonly plugin: string; readonly error: unknown }[];
	/** How it is called in what is said of it. */
	readonly label: string;
}

const watched = new Set<Watched>();

export function watch(kernel: Watched): void {
	watched.add(kernel);
}

/**
 * Shuts every test kernel down that was made since the last call, and looks for what they leave:
 * errors that were reported and not taken, timers, connections, subscriptions.
 *
 * `svelte-realtime/testing/vitest` calls it after each test. With another runner: afterEach(endTestKernels).
 *
 * @throws naming everything that was left; the first reported error is the cause.
 */
export async function endTestKernels(): Promise<void> {
	const kernels = [...watched];
	watched.clear();
	await end(kernels);
}

/** The same for some of them. */
export async function end(kernels: readonly Watched[]): Promise<void> {
	for (const kernel of kernels) watched.delete(kernel);
	for (const kernel of kernels) await shutDown(kernel);
	const leaks = [...kernels.flatMap(leftBy), ...timersOf(kernels)];
	if (leaks.length === 0) return;
	const more = leaks.length > SHOWN ? [`and ${leaks.length - SHOWN} more`] : [];
	const cause = kernels.find(({ errors }) => errors.length > 0)?.errors[0]?.error;
	const lines = [...leaks.slice(0, SHOWN), ...more];
	throw new Error(`The test leaves behind:\n  ${lines.join('\n  ')}`, { cause });
}

/** Leaks that are told one by one. */
const SHOWN = 20;
/** Real milliseconds that plugins get to end what they have with the world outside. */
const PATIENCE = 1000;

/** Nobody turns the clock of a kernel at its end, so a handler that waits for it is helped along. */
async function shutDown({ shutdown, clock, limits }: Watched): Promise<void> {
	let isDown = false;
	const down = shutdown().then(() => (isDown = true));
	await settle();
	if (!isDown) await Promise.race([down, new Promise((done) => setTimeout(done, PATIENCE))]);
	if (!isDown) await clock.advance(limits.shutdownTimeout);
	await down;
}

function leftBy({ errors, transport, label }: Watched): string[] {
	const reported = errors.map(({ plugin, error }) => `${label}reported by "${plugin}": ${error}`);
	const count = transport.open.size;
	const open = count > 0 ? [`${label}open: ${count} connections`] : [];
	const followed = [...transport.topics]
		.filter(([, members]) => members.size > 0)
		.map(([topic, members]) => `${label}followed by ${members.size}: the topic "${topic}"`);
	return [...reported, ...open, ...followed];
}

function timersOf(kernels: readonly Watched[]): string[] {
	return [...new Set(kernels.map(({ clock }) => clock))]
		.filter(({ pending }) => pending > 0)
		.map(({ pending }) => `${pending} timers that wait after the shutdown`);
}
