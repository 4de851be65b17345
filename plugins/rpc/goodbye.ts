/** The end of an instance: another one answers for it what it is asked of calls. */

import { isLiveError, LiveError, type PluginKernel } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/instances';
import { openBook, type Book, type LastWord } from './last-word.ts';
import { isQuestion, KIND, type Told } from './repeats.ts';
import type { Sessions } from './sessions.ts';

/** Asks whether an instance would answer for another one, and has it do so. */
const GOODBYE = 'rpc:goodbye';
/** Instances that one answers for; past it the one that ended longest ago is forgotten. */
const BOOKS = 8;
/** Instances that are asked, of many. */
const ASKED = 8;

interface Kept {
	readonly book: Book;
	/** Its questions are not answered here any more. */
	end(): void;
}

/**
 * Has another instance answer for this one from its end on, and answers for others until theirs is too
 * long ago for anybody to ask. One that is killed leaves nothing: nobody knows what it has run.
 */
export function handOver(kernel: PluginKernel<never, 'rpc'>, sessions: Sessions): void {
	const { clock, instanceId, report } = kernel;
	const instances = kernel.find('instances');
	if (instances === undefined) return;
	/** By the instance, the one that ended last at the end. */
	const kept = new Map<string, Kept>();

	async function take(word: unknown): Promise<boolean> {
		if (sessions.isEnded) return false;
		if (word === null) return true;
		if (!isWord(word)) throw new LiveError('INVALID_REQUEST');
		const { instance, rest } = word;
		const since = clock.now();
		const book = openBook(word, () => clock.now() - since);
		kept.get(instance)?.end();
		let stop = (): void => {};
		const one: Kept = {
			book,
			end() {
				cancel();
				stop();
				if (kept.get(instance) === one) kept.delete(instance);
			}
		};
		const cancel = clock.after(rest, one.end);
		kept.set(instance, one);
		if (kept.size > BOOKS) kept.values().next().value!.end();
		try {
			stop = await instances!.standIn(instance, KIND, (question, from): Told => {
				if (sessions.isEnded) throw new LiveError('SERVICE_UNAVAILABLE');
				return isQuestion(question) ? book.tell(question, from) : { state: 'unknown' };
			});
		} catch (error) {
			one.end();
			throw error;
		}
		if (kept.get(instance) !== one) stop();
		return true;
	}
	kernel.attach(() => instances.answer(GOODBYE, take));

	/** Somebody who lives on, as far as that can be known. */
	async function heir(): Promise<string | undefined> {
		const others = (await instances!.alive()).filter((instance) => instance !== instanceId);
		const asked = others.slice(-ASKED).map(async (instance) => {
			if ((await instances!.ask(instance, GOODBYE, null)) === true) return instance;
			throw new LiveError('SERVICE_UNAVAILABLE');
		});
		return Promise.any(asked).catch(() => undefined);
	}

	async function leave(): Promise<void> {
		const isServing = [...kernel.connections].some((connection) => connection.isOpen);
		// A plugin that is replaced leaves nothing: its instance goes on.
		if (isServing || kernel.connectionCount + kept.size === 0) return;
		const to = await heir();
		if (to === undefined) return;
		const own = sessions.end();
		const words = [...kept.values()].reverse().map(({ book }) => book.word());
		// Whether one has arrived that was not answered is not known: nobody else may have it as well.
		for (const word of own ? [own, ...words] : words) await instances!.ask(to, GOODBYE, word);
	}

	kernel.hook('shutdown', async () => {
		try {
			await leave();
		} catch (error) {
			if (!isLiveError(error)) report(error);
		}
	});
}

function isWord(value: unknown): value is LastWord {
	const word = (value ?? {}) as Record<keyof LastWord, unknown>;
	return (
		typeof word.instance === 'string' &&
		[word.connections, word.forgotten, word.rest].every(Number.isFinite) &&
		[word.sessions, word.handed].every(Array.isArray)
	);
}
