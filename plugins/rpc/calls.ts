/** A call while it runs, and who made it. */

import type { Connection, MaybePromise } from 'svelte-realtime/kernel';
import type { Invocation } from './index.ts';
import type { Results } from './results.ts';

/** Who calls: a connection, or a session that has several of them one after the other. */
export class Caller {
	/** Where answers go. Frames of any other connection are of a past that the client has given up. */
	connection: Connection;
	/** The calls that run, or wait for one that does. */
	readonly running: Map<number, Call> = new Map();
	/** Only a session can ask again. */
	readonly results: Results | undefined;
	#unnamed: number = 0;

	constructor(connection: Connection, results?: Results) {
		this.connection = connection;
		this.results = results;
	}

	/** Adds a call that runs. A connection without a session may give one id to several. */
	add(call: Call): number {
		const key = this.running.has(call.id) ? (this.#unnamed -= 1) : call.id;
		this.running.set(key, call);
		return key;
	}

	/** Nobody waits for an answer any more. */
	abandon(): void {
		for (const call of this.running.values()) call.cancel();
	}
}

/** A call of a client, whatever its kind. */
export interface ClientCall extends Invocation {
	/** By which its client knows it. */
	readonly id: number;
	/** Aborts when nobody wants it any more. */
	readonly signal: AbortSignal;
	/** Sends to its client, on the connection that it has by now. */
	answer(text: string): void;
}

export class Call implements ClientCall {
	readonly kind: string;
	readonly id: number;
	readonly path: unknown;
	readonly args: unknown;
	readonly devalue: boolean;
	/** As the client says; to be checked. */
	readonly op: string | undefined;
	readonly connection: Connection;
	readonly caller: Caller;
	/** Takes it through the pipeline. */
	readonly run: (call: Call) => MaybePromise<unknown>;
	/** Resolves when it is answered, whatever it came to. */
	settled: Promise<void> | undefined = undefined;
	isCancelled: boolean = false;
	/** Another instance runs it. */
	isElsewhere: boolean = false;
	#abort: AbortController | undefined = undefined;

	constructor(
		caller: Caller,
		id: number,
		frame: Readonly<Record<string, unknown>>,
		run: (call: Call) => MaybePromise<unknown>
	) {
		this.kind = frame['type'] as string;
		this.run = run;
		this.caller = caller;
		this.connection = caller.connection;
		this.id = id;
		this.path = frame['path'];
		this.args = frame['args'];
		this.devalue = frame['devalue'] === true;
		this.op = frame['op'] as string | undefined;
	}

	/** Made when a function first looks at it: most never do. */
	get signal(): AbortSignal {
		if (this.#abort === undefined) {
			this.#abort = new AbortController();
			if (this.isCancelled) this.#abort.abort();
		}
		return this.#abort.signal;
	}

	answer(text: string): void {
		this.caller.connection.answer(text);
	}

	cancel(): void {
		this.isCancelled = true;
		this.#abort?.abort();
	}
}
