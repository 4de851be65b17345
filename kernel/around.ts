/** What runs around the frames of clients: each is answered once, and each connection keeps their order. */

import type { Connection } from './connection.ts';
import type { MessageContext } from './contexts.ts';
import { RealtimeError } from './errors.ts';
import type { HookEntry, HookTable } from './hooks.ts';
import { isLiveError } from './live-error.ts';
import { isThenable } from './run.ts';
import type { MaybePromise } from './transport.ts';

export interface AroundOptions {
	readonly table: HookTable;
	/** Frames of one connection that may wait for an earlier one. */
	readonly limit: number;
	/** Hands a frame to the plugin that it is for. Never throws. */
	claim(ctx: MessageContext): MaybePromise<void>;
	/** Answers a frame that does not get there; `error` may be anything. */
	refuse(ctx: MessageContext, error: unknown): void;
	/** Refuses a frame for which there is no place to wait. */
	full(ctx: MessageContext): void;
	fail(plugin: string, error: unknown): void;
}

/** The frames of one connection that are on their way; the last one's `through`. */
interface Line {
	through: Promise<void>;
	length: number;
}

export class Around {
	readonly #options: AroundOptions;
	readonly #lines: Map<Connection, Line> = new Map();

	constructor(options: AroundOptions) {
		this.#options = options;
	}

	/** Nothing runs around frames, and none is on its way. */
	get isIdle(): boolean {
		return this.#options.table.list('frame').length === 0 && this.#lines.size === 0;
	}

	/** Takes a frame to its claim, behind every earlier one of its connection. */
	pass(ctx: MessageContext): void {
		const line = this.#lines.get(ctx.connection);
		if (line === undefined) {
			const through = this.#run(ctx);
			if (through) this.#wait(ctx.connection, { through, length: 0 }, through);
		} else if (line.length >= this.#options.limit) {
			this.#options.full(ctx);
		} else {
			// Its client may have gone by then: nobody would hear what it does.
			const run = (): Promise<void> | undefined =>
				ctx.connection.isOpen ? this.#run(ctx) : undefined;
			this.#wait(ctx.connection, line, line.through.then(run));
		}
	}

	#wait(connection: Connection, line: Line, through: Promise<void>): void {
		line.length += 1;
		line.through = through;
		this.#lines.set(connection, line);
		void through.then(() => {
			line.length -= 1;
			if (line.length === 0) this.#lines.delete(connection);
		});
	}

	/** @returns what resolves when the frame is claimed or refused; nothing where it is already. */
	#run(ctx: MessageContext): Promise<void> | undefined {
		const { table, claim, refuse, fail } = this.#options;
		const wraps = table.list('frame');
		let isOver = false;
		/** Who was reached last, or has failed first. */
		let culprit: HookEntry<'frame'> | undefined;
		let hasFailed = false;
		let decide: (() => void) | undefined;
		const over = (): void => {
			isOver = true;
			decide?.();
		};

		const enter = (index: number): MaybePromise<void> => {
			// One that goes on when it has been answered for comes too late.
			if (isOver) return;
			const wrap = wraps[index];
			if (wrap === undefined) {
				const claimed = ctx.connection.isOpen ? claim(ctx) : undefined;
				return (over(), claimed);
			}
			culprit = wrap;
			let isCalled = false;
			const next = (): MaybePromise<void> => {
				if (isCalled) throw new RealtimeError('RT_MIDDLEWARE_TWICE', [wrap.plugin, ctx.type]);
				isCalled = true;
				return enter(index + 1);
			};
			const blame = (error: unknown): never => {
				if (!hasFailed) culprit = wrap;
				hasFailed = true;
				throw error;
			};
			try {
				const result = wrap.handler(ctx, next);
				return isThenable(result) ? Promise.resolve(result).catch(blame) : result;
			} catch (error) {
				return blame(error);
			}
		};
		const ended = (): void => {
			if (isOver) return;
			const what = 'nothing, without going on';
			failed(new RealtimeError('RT_HOOK_VERDICT', [culprit!.plugin, 'frame', what]));
		};
		const failed = (error: unknown): void => {
			// Once it is claimed it is answered there, so that a refusal after it can only be reported.
			if (isOver || !isLiveError(error)) fail(culprit!.plugin, error);
			if (isOver) return;
			refuse(ctx, error);
			over();
		};

		try {
			const result = enter(0);
			if (!isThenable(result)) {
				ended();
				return undefined;
			}
			result.then(ended, failed);
		} catch (error) {
			failed(error);
			return undefined;
		}
		if (isOver) return undefined;
		return new Promise((resolve) => (decide = resolve));
	}
}
