/** Calls that another instance may have run, or is to know of. */

import { LiveError, type MaybePromise, type PluginKernel } from 'svelte-realtime/kernel';
import type { Call } from './calls.ts';
import { checkDurable, createDurables, type DurableOptions } from './durable.ts';
import { createRepeats, type Found } from './repeats.ts';
import type { Session, Sessions } from './sessions.ts';

/**
 * What a call comes to, here or elsewhere.
 *
 * @param run Runs it here and never rejects. `begun` hears that nothing has refused it.
 * @throws {LiveError} where that cannot be known, or it cannot run.
 */
export type Settle = (run: (begun?: () => void) => Promise<string>) => Promise<string>;

export interface Elsewhere {
	/**
	 * How to answer a call that has left no trace here: `undefined` is to run it, `unknown` that nobody
	 * can tell whether it has run.
	 *
	 * @param again As in its frame.
	 */
	look(session: Session, call: Call, again: unknown): Settle | 'unknown' | undefined;
}

interface Server {
	readonly kernel: PluginKernel<never, 'rpc'>;
	readonly sessions: Sessions;
	isDurable(path: unknown): boolean;
	encodeError(id: number | null, error: unknown): string;
}

export function createElsewhere(
	{ kernel, sessions, isDurable, encodeError }: Server,
	options: DurableOptions
): Elsewhere {
	const repeats = createRepeats(kernel, sessions);
	const store = kernel.find('calls.store');
	const durables = store && createDurables(kernel, store, checkDurable(options), encodeError);

	/** What is known of a durable call where its store knows nothing. */
	function seek(session: Session, call: Call, again: unknown): MaybePromise<Found> {
		const where = sessions.find(session, call.id, again);
		if (where === 'here') return 'never';
		// What no connection is said of may be older than all that is remembered.
		if (typeof again !== 'string' || again.lastIndexOf('-') <= 0) return 'unknown';
		// That its instance has forgotten it means nothing: the store remembers for longer.
		if (where === 'nowhere' || !repeats) return 'never';
		return repeats
			.seek(call, again, where.instance, 1)
			.then((found) => (typeof found === 'object' ? found : 'never'));
	}

	return {
		look(session, call, again) {
			if (durables && call.kind === 'rpc' && isDurable(call.path)) {
				const isRepeat = again !== undefined;
				return (run) =>
					durables.reply({ call, isRepeat, run, seek: () => seek(session, call, again) });
			}
			if (again === undefined && session.handed === undefined) return undefined;
			const where = sessions.find(session, call.id, again);
			if (where === 'here') return undefined;
			if (where === 'nowhere' || !repeats) return 'unknown';
			return async (run) => {
				const found = await repeats.seek(call, again as string, where.instance);
				if (found === 'never') return run();
				if (typeof found === 'object') return found.reply;
				throw new LiveError('UNKNOWN_OUTCOME');
			};
		}
	};
}
