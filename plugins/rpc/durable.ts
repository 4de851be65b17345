/** Calls of functions that are declared `durable`: what they come to outlives the instance. */

import { createHash } from 'node:crypto';
import {
	isLiveError,
	LiveError,
	randomId,
	type MaybePromise,
	type PluginKernel
} from 'svelte-realtime/kernel';
import { checkCount, checkTime } from '../checks.ts';
import type { Call } from './calls.ts';
import type { CallClaim, CallStore, CallTimes } from './port.ts';
import type { Found } from './repeats.ts';
import type { Session } from './sessions.ts';

export interface DurableOptions {
	/**
	 * Milliseconds after which a durable call whose instance shows no sign of life counts as lost.
	 * @default 15,000
	 */
	lease?: number;
	/** Milliseconds that what a durable call came to is kept; an hour at the least. @default 86,400,000 */
	retention?: number;
	/** Characters of the reply to a durable call that are kept at the most. @default 262,144 */
	replySize?: number;
}

/** A call on its way through the store. */
export interface DurableCall {
	readonly call: Call;
	/** It was sent before, and may have run. */
	readonly isRepeat: boolean;
	/** Runs it, and writes down what it came to; never rejects. */
	run(begun: () => void): Promise<string>;
	/** Asks the instance that got it first, where the store knows nothing of it. */
	seek(): MaybePromise<Found>;
}

export interface Durables {
	/** What a call has come to, now or before. Rejects where that cannot be known, or it cannot run. */
	reply(durable: DurableCall): Promise<string>;
}

/** Milliseconds between two looks at a call that another instance runs: at first, and at the most. */
const FIRST = 50;
const MOST = 1000;
/** Times that the store is asked while it fails; about ten seconds. */
const ATTEMPTS = 15;

/** @throws {RealtimeError} RT_OPTION_INVALID */
export function checkDurable(options: DurableOptions): Required<DurableOptions> {
	const { lease = 15_000, retention = 24 * 60 * 60_000, replySize = 256 * 1024 } = options;
	checkTime('lease', 'rpc()', lease, 100);
	// As long as a client may ask again for what it has sent.
	checkTime('retention', 'rpc()', retention, 60 * 60_000);
	checkCount('replySize', 'rpc()', replySize);
	return { lease, retention, replySize };
}

export function createDurables(
	{ clock, report }: Pick<PluginKernel<never, 'rpc'>, 'clock' | 'report'>,
	store: CallStore,
	options: Required<DurableOptions>,
	encodeError: (id: number, error: unknown) => string
): Durables {
	const { lease, retention, replySize } = options;
	const times: CallTimes = { lease, retention };
	const pause = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve));

	/** Claims a call; waits while somebody else has it. */
	async function claim(name: string, owner: string, { call, isRepeat }: DurableCall) {
		let failures = 0;
		for (let wait = FIRST; ; wait = Math.min(2 * wait, MOST)) {
			let claim: CallClaim;
			try {
				claim = await store.claim(name, owner, times);
				call.isElsewhere = claim.state === 'running';
				if (!call.isElsewhere || call.isCancelled) return claim;
			} catch (error) {
				if (!isLiveError(error)) report(error);
				// Nothing has run of what was sent for the first time; what was sent before may have.
				if (!isRepeat) throw new LiveError('SERVICE_UNAVAILABLE');
				if ((failures += 1) >= ATTEMPTS) throw new LiveError('UNKNOWN_OUTCOME');
			}
			await pause(wait);
		}
	}

	/** Shows for as long as it runs that this instance lives. */
	function renewing(name: string, owner: string): () => void {
		return clock.every(lease / 3, () => {
			void attempt(async () => void (await store.renew(name, owner, times)));
		});
	}

	/** Whether a step of the store has been done. */
	async function attempt(step: () => Promise<void>): Promise<boolean> {
		try {
			await step();
			return true;
		} catch (error) {
			// That a store is away is said by who connects to it.
			if (!isLiveError(error)) report(error);
			return false;
		}
	}

	/** Keeps a reply; where the store fails, its caller is answered, and it is tried on. */
	async function keep(name: string, owner: string, reply: string): Promise<void> {
		const commit = (): Promise<boolean> =>
			attempt(async () => void (await store.commit(name, owner, reply, times)));
		if (await commit()) return;
		void (async () => {
			for (let i = 1; i < ATTEMPTS; i += 1) {
				await pause(lease / 3);
				if (await commit()) return;
			}
		})();
	}

	function bounded(id: number, text: string): string {
		if (text.length <= replySize) return text;
		const why = 'The call has run; what it came to is too large to be told again.';
		return encodeError(id, new LiveError('PAYLOAD_TOO_LARGE', why));
	}

	return {
		async reply(durable) {
			const { call, isRepeat, run, seek } = durable;
			const session = call.caller as Session;
			// Whoever the client is by now: what it has sent as somebody else is not to run again.
			const name = hash([call.path, session.name, call.id]);
			const whose = `${hash([session.key])} `;
			const owner = randomId();
			const claimed = await claim(name, owner, durable);
			if (claimed.state === 'done' && claimed.reply.startsWith(whose)) {
				return claimed.reply.slice(whose.length);
			}
			if (claimed.state !== 'first') throw new LiveError('UNKNOWN_OUTCOME');

			const stop = renewing(name, owner);
			let hasBegun = false;
			try {
				// A store that has lost its data knows less than who has run it.
				const found = isRepeat ? await seek() : 'never';
				if (typeof found === 'object') {
					hasBegun = true;
					await keep(name, owner, whose + bounded(call.id, found.reply));
					return found.reply;
				}
				if (found === 'unknown') throw new LiveError('UNKNOWN_OUTCOME');
				const text = await run(() => (hasBegun = true));
				if (hasBegun) await keep(name, owner, whose + bounded(call.id, text));
				return text;
			} finally {
				stop();
				if (!hasBegun) await attempt(async () => void (await store.abort(name, owner)));
			}
		}
	};
}

function hash(parts: readonly unknown[]): string {
	return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}
