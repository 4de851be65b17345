/** Calls that are asked for again on another instance than the one that got them first. */

import { isLiveError, randomId, type PluginKernel } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/instances';
import type { Call } from './calls.ts';
import type { Session, Sessions } from './sessions.ts';

/** What one instance asks another about a call. */
export interface Question {
	/** Of the session, with whose it is; and what its client calls it. */
	readonly key: string;
	readonly name: string;
	readonly id: number;
	/** The connection on which the call was first sent. */
	readonly via: string;
	/** The same where the same question is put once more. */
	readonly ask: string;
}

/** What an instance says of a call. */
export type Told =
	| { readonly state: 'done'; readonly reply: string }
	| { readonly state: 'running' }
	/** It has not run here, and will not: whoever asks may run it. */
	| { readonly state: 'never' }
	/** Another instance was told so before. */
	| { readonly state: 'moved'; readonly to: string }
	| { readonly state: 'unknown' };

/** What came of looking for a call: its reply; it has not run; nobody knows; nobody is there to ask. */
export type Found = { readonly reply: string } | 'never' | 'unknown' | 'gone';

export interface Repeats {
	/**
	 * Looks for a call on the instance that was sent it first, or has taken it over. Waits where it runs.
	 *
	 * @param attempts How often an instance is asked to which there is no way for the moment.
	 */
	seek(call: Call, via: string, at: string, attempts?: number): Promise<Found>;
}

/** What answers such questions. */
export const KIND = 'rpc';
/** Milliseconds for which an answer waits for a call that runs: then it is asked for again. */
const HOLD = 3000;
/** Attempts to reach an instance, and the milliseconds between them. */
const ATTEMPTS = 20;
/** Attempts that one counts as which was not answered: it has taken five seconds. */
const UNANSWERED = 10;
const PAUSE = 250;

/** Undefined where there is one instance only. */
export function createRepeats(
	kernel: PluginKernel<never, 'rpc'>,
	sessions: Sessions
): Repeats | undefined {
	const { clock, instanceId } = kernel;
	const instances = kernel.find('instances');
	if (instances === undefined) return undefined;

	async function tell(question: unknown, from: string): Promise<Told> {
		if (!isQuestion(question)) return { state: 'unknown' };
		const told = sessions.tell(question, from);
		if (told.state !== 'running') return told;
		await new Promise<void>((resolve) => {
			const cancel = clock.after(HOLD, resolve);
			void sessions.settled(question).then(() => {
				cancel();
				resolve();
			});
		});
		return sessions.tell(question, from);
	}
	kernel.attach(() => instances.answer(KIND, tell));

	return {
		async seek(call, via, at, attempts = ATTEMPTS) {
			const { key, name } = call.caller as Session;
			const question: Question = { key, name, id: call.id, via, ask: randomId() };
			let asked = at;
			for (let attempt = 1; ;) {
				// Where this one has taken it over, it has forgotten so since.
				if (asked === '' || asked === instanceId) return 'unknown';
				let told: Told;
				try {
					told = (await instances.ask(asked, KIND, question)) as Told;
				} catch (error) {
					const code = isLiveError(error) && error.code;
					const isAway = code === 'SERVICE_UNAVAILABLE' || code === 'TIMEOUT';
					if (!isAway || attempt >= attempts) return 'gone';
					attempt += code === 'TIMEOUT' ? UNANSWERED : 1;
					await new Promise<void>((resolve) => clock.after(PAUSE, resolve));
					continue;
				}
				if (told.state === 'done') return { reply: told.reply };
				if (told.state === 'never') return asked === at ? 'never' : 'unknown';
				if (told.state === 'moved' && asked === at) asked = told.to;
				// The rest of an upload comes here, and is waited for there.
				else if (told.state !== 'running' || call.isCancelled || call.kind === 'binary') {
					return 'unknown';
				}
			}
		}
	};
}

export function isQuestion(value: unknown): value is Question {
	const { key, name, id, via, ask } = (value ?? {}) as Record<keyof Question, unknown>;
	return (
		Number.isSafeInteger(id) && [key, name, via, ask].every((text) => typeof text === 'string')
	);
}
