/** Durable calls in the memory of one process: for processes that share one, and for tests. */

import { LiveError, type Clock } from 'svelte-realtime/kernel';
import type { CallClaim, CallStore, CallTimes } from './port.ts';

export interface MemoryCallsOptions {
	readonly clock: Clock;
	/** Calls that are remembered; past it a new one is refused with RATE_LIMITED. */
	readonly size: number;
}

interface Kept {
	readonly owner: string;
	/** Until when it is running, and remembered. */
	readonly held: number;
	readonly until: number;
	readonly reply: string | undefined;
}

/** Milliseconds between two looks for what is over. */
const SWEEP = 60_000;

export function memoryCalls({ clock, size }: MemoryCallsOptions): CallStore {
	const calls = new Map<string, Kept>();
	let isWaiting = false;

	function find(call: string): Kept | undefined {
		const kept = calls.get(call);
		if (kept === undefined || kept.until > clock.now()) return kept;
		calls.delete(call);
		return undefined;
	}

	/** What is over and asked for by nobody goes as well. */
	function wait(): void {
		if (isWaiting) return;
		isWaiting = true;
		clock.after(SWEEP, () => {
			isWaiting = false;
			for (const call of calls.keys()) find(call);
			if (calls.size > 0) wait();
		});
	}

	/** A call that nobody else has, and that is not done: its time begins anew. */
	function hold(call: string, owner: string, { lease, retention }: CallTimes): boolean {
		const kept = find(call);
		if (kept && (kept.owner !== owner || kept.reply !== undefined)) return false;
		if (kept === undefined && calls.size >= size) {
			throw new LiveError('RATE_LIMITED', 'Too many calls are remembered.');
		}
		const now = clock.now();
		calls.set(call, { owner, held: now + lease, until: now + retention, reply: undefined });
		wait();
		return true;
	}

	return {
		claim(call, owner, times): CallClaim {
			const kept = find(call);
			if (kept?.reply !== undefined) return { state: 'done', reply: kept.reply };
			if (hold(call, owner, times)) return { state: 'first' };
			return { state: kept!.held > clock.now() ? 'running' : 'lost' };
		},
		renew: hold,
		commit(call, owner, reply, times) {
			const kept = find(call);
			if (kept === undefined ? !hold(call, owner, times) : kept.owner !== owner) return false;
			const until = clock.now() + times.retention;
			calls.set(call, { owner, held: 0, until, reply: kept?.reply ?? reply });
			return true;
		},
		abort(call, owner) {
			const kept = find(call);
			if (kept?.owner === owner && kept.reply === undefined) calls.delete(call);
		}
	};
}
