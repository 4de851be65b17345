/** A render whose answer several may get: to the page it looks like the way back to one client. */

import type { RequestHeaders } from './env.ts';
import type { BodyInfo, Head, Incoming, Reply } from './front.ts';
import { sendText } from './head.ts';
import { isForAll, watchHeaders } from './identical.ts';

/** Bytes of a body that is shared. Nothing is put together for it: it must be there in one piece. */
const SHARED_BYTES = 512 * 1024;

/** Renders and answers; tells a watch what it reads, where there is one. */
export type RenderPage = (incoming: Incoming, reply: Reply, watch?: Watch) => Promise<void>;

/** Is told what an answer depends on that makes it one for a single visitor. */
export interface Watch {
	/** Watches what is read of a request. @param sent All headers that it came with. */
	headers(headers: Headers, sent: RequestHeaders): void;
	/** That the visitor's address is asked for. */
	address(): void;
}

/** Somebody who waits for an answer. */
export interface Client {
	readonly incoming: Incoming;
	readonly reply: Reply;
	/**
	 * It has its answer, or is to render by itself; of several calls, of `reject` too, the first counts.
	 *
	 * @param isAlone @default false
	 */
	resolve(isAlone?: boolean): void;
	/** @returns whether it was the first. */
	reject(error: unknown): boolean;
}

/** Those for whom it is made. */
export interface Audience {
	/** How many wait for any answer. */
	readonly size: number;
	/** Whether a render for them has failed before: a second failure is no accident. */
	readonly hasFailed: boolean;
	/** Takes one of them out, who is served otherwise; false: who has an answer, or has left. */
	release(client: Client): boolean;
	isWaiting(client: Client): boolean;
	/** That a render is for its asker alone; the others do not wait for it any longer. */
	leave(render: SharedRender): void;
	/** Answers all who wait. */
	share(answer: (client: Client) => void): void;
	/** Has each of them render by himself. */
	part(): void;
	/** Has them render once more, together. */
	retry(): void;
}

export class SharedRender implements Reply, Watch {
	/** Whose request it is made of. */
	readonly asker: Client;
	readonly #audience: Audience;
	readonly #addressHeader: string | undefined;
	readonly #listeners: (() => void)[] = [];
	#isClosed: boolean = false;
	/** It is for the asker alone. */
	#isApart: boolean = false;
	/** The asker has the beginning already. */
	#isServing: boolean = false;
	/** The others have it, too. */
	#isDone: boolean = false;
	/** A head whose body is to come in one piece. */
	#begun: { readonly head: Head; readonly info: BodyInfo } | undefined = undefined;

	/** @param addressHeader Holds the address of a visitor. */
	constructor(audience: Audience, asker: Client, addressHeader: string | undefined) {
		this.#audience = audience;
		this.asker = asker;
		this.#addressHeader = addressHeader;
	}

	// --- what the page reads ---

	headers(headers: Headers, sent: RequestHeaders): void {
		watchHeaders(headers, sent, this.#addressHeader, () => this.address());
	}

	address(): void {
		if (!this.#isApart && !this.#isDone) this.#audience.part();
	}

	// --- who it is for ---

	/** From now on it is for its asker alone, if for anybody. */
	keepApart(): void {
		if (this.#isApart) return;
		this.#isApart = true;
		this.#audience.leave(this);
		this.#serve();
		this.check();
	}

	#serve(): void {
		if (this.#isServing || !this.#audience.release(this.asker)) return;
		this.#isServing = true;
		this.asker.reply.onClosed(() => this.check());
	}

	/** Whether everybody may have an answer with this head; where not, it is kept apart. */
	#isForAll(head: Head): boolean {
		const isFailure = head.status >= 500;
		if (isFailure && !this.#audience.hasFailed) {
			this.keepApart();
			this.#audience.retry();
			return false;
		}
		const isGood = head.status < 400 && head.status !== 206;
		if ((isGood || isFailure) && isForAll(head)) return true;
		this.#audience.part();
		return false;
	}

	/** Stops the page where nobody is left who would get it. */
	check(): void {
		if (this.#isClosed || this.#isDone) return;
		if (this.#isServing && !this.asker.reply.isClosed) return;
		if (!this.#isApart && this.#audience.size > 0) return;
		this.#isClosed = true;
		for (const listener of this.#listeners.splice(0)) listener();
	}

	/** That the page is through; who has got nothing by then gets nothing from it. */
	finish(): void {
		if (!this.#isApart && !this.#isDone) this.#audience.part();
	}

	/** That the page has failed without an answer, or in the middle of one. */
	fail(): void {
		if (this.#isApart || this.#isDone) return;
		const { hasFailed } = this.#audience;
		this.keepApart();
		if (!hasFailed) return this.#audience.retry();
		this.#audience.share(({ incoming, reply, resolve }) => {
			sendText(reply, incoming.method, 500);
			resolve();
		});
	}

	// --- what the page writes ---

	get copies(): boolean {
		return this.asker.reply.copies;
	}

	get isClosed(): boolean {
		return this.#isClosed;
	}

	onClosed(listener: () => void): void {
		if (this.#isClosed) listener();
		else this.#listeners.push(listener);
	}

	send(head: Head, body: Uint8Array | string | undefined, info?: BodyInfo): void {
		if (!this.#isApart && this.#isForAll(head)) {
			const shared = this.#sharedHead(head);
			this.#isDone = true;
			this.#audience.share(({ reply, resolve }) => {
				reply.send(shared, body, info);
				resolve();
			});
		} else if (this.#isServing) this.asker.reply.send(head, body, info);
	}

	refuse(head: Head, body: string, rest: number): void {
		this.#audience.part();
		if (this.#isServing) this.asker.reply.refuse(head, body, rest);
	}

	/** The asker is not kept waiting for what is to be shared. */
	begin(head: Head, info: BodyInfo = {}): void {
		if (!this.#isApart && this.#isForAll(head)) {
			if (info.length !== undefined && info.length <= SHARED_BYTES) {
				this.#begun = { head: this.#sharedHead(head), info };
				this.#serve();
			} else this.#audience.part();
		}
		if (this.#isServing) this.asker.reply.begin(head, info);
	}

	write(chunk: Uint8Array): Promise<void> | undefined {
		const pending = this.#isServing ? this.asker.reply.write(chunk) : undefined;
		if (this.#begun && !this.#isApart) {
			const { head, info } = this.#begun;
			this.#begun = undefined;
			if (chunk.byteLength !== info.length) this.#audience.part();
			else this.#audience.share((client) => void sendWhole(client, head, chunk, info));
		}
		return pending;
	}

	end(): void {
		if (this.#isServing) this.asker.reply.end();
	}

	abort(): void {
		if (this.#isServing || this.#audience.isWaiting(this.asker)) this.asker.reply.abort();
	}

	#sharedHead(head: Head): Head {
		const isRepeated = this.#audience.size > 1 && head.headers.length > 0;
		return isRepeated ? { ...head, isShared: true } : head;
	}
}

/** A large body, at the pace of each client. */
async function sendWhole(
	{ reply, resolve, reject }: Client,
	head: Head,
	body: Uint8Array,
	info: BodyInfo
): Promise<void> {
	try {
		reply.begin(head, info);
		await reply.write(body);
		if (!reply.isClosed) reply.end();
		resolve();
	} catch (error) {
		reject(error);
	}
}
