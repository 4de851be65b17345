/** Questions from one instance to another, and their answers. */

import {
	isThenable,
	LiveError,
	randomId,
	toWireError,
	type Clock,
	type MaybePromise,
	type WireError
} from 'svelte-realtime/kernel';

/** Answers what another instance asks. What it throws reaches who has asked, as it would a client. */
export type Answerer = (question: unknown, from: string) => MaybePromise<unknown>;

/** Milliseconds to an answer. */
const PATIENCE = 5000;

interface Asked {
	readonly ask: string;
	readonly from: string;
	/** The instance that is meant; that of whoever hears it where it is not said. */
	readonly to?: string;
	readonly kind: string;
	readonly body?: unknown;
}

interface Answered {
	readonly re: string;
	readonly body?: unknown;
	readonly error?: WireError;
}

export interface AskingOptions {
	readonly id: string;
	readonly clock: Clock;
	/** Says whether somebody was there to hear it. */
	send(instance: string, message: string): MaybePromise<boolean>;
	isAlive(instance: string): Promise<boolean>;
	report(error: unknown): void;
}

export interface Asking {
	ask(instance: string, kind: string, question: unknown): Promise<unknown>;
	answer(kind: string, answerer: Answerer): () => void;
	/** Answers what another instance is asked. */
	answerFor(instance: string, kind: string, answerer: Answerer): () => void;
	/** @throws {Error} for what was not sent by another of its kind. */
	receive(message: string): void;
}

interface Question {
	settle(answer: Answered): void;
}

export function createAsking({ id, clock, send, isAlive, report }: AskingOptions): Asking {
	/** By instance and kind. */
	const answerers = new Map<string, Answerer>();
	const open = new Map<string, Question>();

	async function answered({ kind, body, from, to = id }: Asked): Promise<unknown> {
		const answerer = answerers.get(`${to} ${kind}`);
		if (answerer === undefined) throw new LiveError('NOT_FOUND', `Nobody answers "${kind}".`);
		return answerer(body, from);
	}

	async function reply(asked: Asked): Promise<void> {
		const { ask, from } = asked;
		let answer: Answered;
		try {
			answer = { re: ask, body: await answered(asked) };
		} catch (error) {
			const wire = toWireError(error);
			if (wire.code === 'INTERNAL_ERROR') report(error);
			answer = { re: ask, error: wire };
		}
		await send(from, JSON.stringify(answer));
	}

	/** There is no answer: the instance has gone, or the way to it has for a moment. */
	async function unheard(
		instance: string,
		code: 'SERVICE_UNAVAILABLE' | 'TIMEOUT'
	): Promise<LiveError> {
		if (await isAlive(instance)) return new LiveError(code);
		return new LiveError('NOT_FOUND', `The instance ${instance} has gone.`);
	}

	function answerFor(instance: string, kind: string, answerer: Answerer): () => void {
		const key = `${instance} ${kind}`;
		answerers.set(key, answerer);
		return () => {
			if (answerers.get(key) === answerer) answerers.delete(key);
		};
	}

	return {
		ask(instance, kind, question) {
			const number = randomId();
			return new Promise((resolve, reject) => {
				const failed = (error: unknown): void => {
					cancel();
					open.delete(number);
					reject(error as Error);
				};
				const cancel = clock.after(PATIENCE, () => {
					unheard(instance, 'TIMEOUT').then(failed, failed);
				});
				open.set(number, {
					settle({ body, error }) {
						if (error) return failed(new LiveError(error.code, error.message, error));
						cancel();
						open.delete(number);
						resolve(body);
					}
				});
				const message: Asked = { ask: number, from: id, to: instance, kind, body: question };
				settled(send(instance, JSON.stringify(message)))
					.then((isHeard) => {
						if (!isHeard && open.has(number)) {
							return unheard(instance, 'SERVICE_UNAVAILABLE').then(failed);
						}
					})
					.catch(failed);
			});
		},
		answer: (kind, answerer) => answerFor(id, kind, answerer),
		answerFor,
		receive(text) {
			const message = JSON.parse(text) as Asked | Answered;
			if ('ask' in message) void reply(message).catch(report);
			else open.get(message.re)?.settle(message);
		}
	};
}

async function settled<T>(value: MaybePromise<T>): Promise<T> {
	return isThenable(value) ? await value : (value as T);
}
