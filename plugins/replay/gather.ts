import { isThenable, type MaybePromise, type Position } from 'svelte-realtime/kernel';
import type { LogEntry, ReplayLog } from './port.ts';

type Result = readonly LogEntry[] | 'epoch' | 'truncated';

/** A read of the log from a position on. */
interface Read {
	from: number;
	readonly result: Promise<Result>;
}

/**
 * Makes one read of the log out of many: when a server comes back, thousands of clients ask for the
 * same topic at once, and each of them for the end of the same history.
 *
 * Who asks while a read runs that reaches as far back gets its part of it; the tail of the topic,
 * which they all follow, tells what has come since. Those who need more wait, and share the next.
 */
export function gatherReads(range: ReplayLog['range']): ReplayLog['range'] {
	const running = new Map<string, Read>();
	const waiting = new Map<string, Read>();

	function start(key: string, topic: string, since: Position): MaybePromise<Result> {
		const entries = range(topic, since);
		if (!isThenable(entries)) return entries;
		const result = Promise.resolve(entries).finally(() => running.delete(key));
		running.set(key, { from: since.seq, result });
		return result;
	}

	function next(key: string, topic: string, epoch: string, current: Read): Read {
		const begin = async (): Promise<Result> => {
			waiting.delete(key);
			return start(key, topic, { epoch, seq: read.from });
		};
		const read: Read = { from: Infinity, result: current.result.then(begin, begin) };
		waiting.set(key, read);
		return read;
	}

	/** The part of a read that comes after `since`. */
	async function partOf(read: Read, topic: string, since: Position): Promise<Result> {
		const entries = await read.result;
		const skipped = since.seq - read.from;
		if (skipped === 0 || entries === 'epoch') return entries;
		// Of another position the log may say something else.
		if (entries === 'truncated' || skipped > entries.length) return gathered(topic, since);
		return entries.slice(skipped);
	}

	function gathered(topic: string, since: Position): MaybePromise<Result> {
		// No topic has a control character.
		const key = `${topic}\u0000${since.epoch}`;
		const current = running.get(key);
		if (current === undefined) return start(key, topic, since);
		if (current.from <= since.seq) return partOf(current, topic, since);
		const read = waiting.get(key) ?? next(key, topic, since.epoch, current);
		read.from = Math.min(read.from, since.seq);
		return partOf(read, topic, since);
	}

	return gathered;
}
