/**
 * One render for all who ask the same at the same moment. It is no cache: an answer goes to those who
 * wait for it when it is there, and to nobody later.
 */

import type { Environment } from './env.ts';
import type { Incoming, Reply } from './front.ts';
import { keyOf } from './identical.ts';
import { SharedRender, type Audience, type Client, type RenderPage } from './shared-render.ts';

/** Questions at a time that may be shared; a further one is answered by itself. */
const QUESTIONS = 500;
/** Clients of one question; the next one begins it anew. */
const CLIENTS = 1000;
/** Milliseconds after which one who waits renders as well, lest all hang on a render that hangs. */
const PATIENCE = 5000;
/** Milliseconds for which nobody waits for what has turned out to be for one alone. */
const APART = 10_000;

export interface SharingOptions {
	/** Renders and answers. */
	readonly page: RenderPage;
	readonly environment: Pick<Environment, 'origin' | 'addressHeader'>;
	/** Has a render begin when those who ask at the same moment are all there. */
	readonly begin: (render: () => void) => void;
	/** Hears what went wrong in a render whose asker has an answer already. */
	readonly report: (error: unknown) => void;
}

/** What several ask at the same moment. */
export interface Shared {
	/** Answers one more of them; settles when that is done. */
	join(incoming: Incoming, reply: Reply): Promise<void>;
}

/** Finds those who ask the same; `undefined`: it is to be rendered for this request alone. */
export function shareRenders(options: SharingOptions): (incoming: Incoming) => Shared | undefined {
	const { environment } = options;
	const { addressHeader } = environment;
	/** Those that can be joined. */
	const questions = new Map<string, Question>();
	/** Keys of what is for one alone, and until when that is believed. */
	const apart = new Map<string, number>();
	let count = 0;

	const isApart = (key: string): boolean => {
		const until = apart.get(key);
		if (until === undefined || performance.now() < until) return until !== undefined;
		apart.delete(key);
		return false;
	};

	return (incoming) => {
		const key = keyOf(incoming, environment.origin(incoming.headers), addressHeader);
		if (key === undefined || isApart(key)) return undefined;
		let question = questions.get(key);
		if (question === undefined || question.size >= CLIENTS) {
			if (count >= QUESTIONS) return undefined;
			count += 1;
			question = new Question(options, (one, isForOne) => {
				count -= 1;
				if (questions.get(key) === one) questions.delete(key);
				if (!isForOne) return;
				if (apart.size >= QUESTIONS) apart.clear();
				apart.set(key, performance.now() + APART);
			});
			questions.set(key, question);
		}
		return question;
	};
}

/** @param settle Ends the wait: whether the client is left to itself. */
function clientOf(
	incoming: Incoming,
	reply: Reply,
	settle: (isAlone: boolean) => void,
	reject: (error: unknown) => void
): Client {
	let isSettled = false;
	return {
		incoming,
		reply,
		resolve(isAlone = false) {
			isSettled = true;
			settle(isAlone);
		},
		reject(error) {
			if (isSettled) return false;
			isSettled = true;
			reject(error);
			return true;
		}
	};
}

/** Those who ask the same, and the renders for them: one, unless it fails or hangs. */
class Question implements Audience, Shared {
	/** Who has no answer yet, and is to get that of any of the renders. */
	readonly #clients = new Set<Client>();
	readonly #renders = new Set<SharedRender>();
	readonly #options: SharingOptions;
	readonly #onOver: (question: Question, isForOne: boolean) => void;
	#timer: NodeJS.Timeout | undefined = undefined;
	#isDue: boolean = false;
	#isOver: boolean = false;
	#hasFailed: boolean = false;

	constructor(options: SharingOptions, onOver: (question: Question, isForOne: boolean) => void) {
		this.#options = options;
		this.#onOver = onOver;
	}

	get size(): number {
		return this.#clients.size;
	}

	get hasFailed(): boolean {
		return this.#hasFailed;
	}

	join(incoming: Incoming, reply: Reply): Promise<void> {
		const answered = new Promise<boolean>((resolve, reject) => {
			const client = clientOf(incoming, reply, resolve, reject);
			this.#clients.add(client);
			if (this.#clients.size > 1)
				this.#timer ??= setInterval(() => this.#render(), PATIENCE).unref();
			this.#renderSoon();
			reply.onClosed(() => {
				if (this.#clients.delete(client)) this.#check();
			});
		});
		// Not where the others let go of it, which is in the middle of a request of somebody else.
		return answered.then((isAlone) => (isAlone ? this.#options.page(incoming, reply) : undefined));
	}

	/** Whoever asks until it begins is with it, also where the page waits for nothing. */
	#renderSoon(): void {
		if (this.#isDue || this.#renders.size > 0) return;
		this.#isDue = true;
		this.#options.begin(() => {
			this.#isDue = false;
			this.#render();
		});
	}

	/** Renders for the first of them for whom nothing is being rendered. */
	#render(): void {
		const askers = new Set([...this.#renders].map(({ asker }) => asker));
		for (const client of this.#clients) {
			if (!askers.has(client)) return this.#renderFor(client);
		}
		this.#check();
	}

	#renderFor(client: Client): void {
		const { page, environment, report } = this.#options;
		const render = new SharedRender(this, client, environment.addressHeader);
		this.#renders.add(render);
		page(client.incoming, render, render).then(
			() => {
				render.finish();
				this.#renders.delete(render);
				client.resolve();
			},
			(error: unknown) => {
				render.fail();
				if (!client.reject(error)) report(error);
			}
		);
	}

	release(client: Client): boolean {
		return this.#clients.delete(client);
	}

	isWaiting(client: Client): boolean {
		return this.#clients.has(client);
	}

	leave(render: SharedRender): void {
		this.#renders.delete(render);
	}

	share(answer: (client: Client) => void): void {
		const clients = [...this.#clients];
		this.#end(false);
		for (const client of clients) {
			try {
				answer(client);
			} catch (error) {
				client.reject(error);
			}
		}
	}

	part(): void {
		if (this.#isOver) return;
		for (const render of [...this.#renders]) render.keepApart();
		const clients = [...this.#clients];
		this.#end(true);
		for (const client of clients) client.resolve(true);
	}

	retry(): void {
		this.#hasFailed = true;
		this.#renderSoon();
	}

	#check(): void {
		if (this.#clients.size === 0) this.#end(false);
	}

	#end(isForOne: boolean): void {
		if (this.#isOver) return;
		this.#isOver = true;
		clearInterval(this.#timer);
		this.#clients.clear();
		this.#onOver(this, isForOne);
		for (const render of this.#renders) render.check();
	}
}
