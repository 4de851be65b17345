/** Answers the frames of calls: runs each once, whoever asks how often, and lets it be cancelled. */

import {
	CLOSE,
	encodeReply,
	HANDLED,
	idOf,
	isThenable,
	LiveError,
	type Connection,
	type MaybePromise,
	type MessageContext,
	type PluginKernel
} from 'svelte-realtime/kernel';
import { Call, Caller, type ClientCall } from './calls.ts';
import type { DurableOptions } from './durable.ts';
import { createElsewhere, type Settle } from './elsewhere.ts';
import type {} from './frames.ts';
import { handOver } from './goodbye.ts';
import { createSessions, Session, type SessionOptions } from './sessions.ts';

interface Server {
	readonly kernel: PluginKernel<never, 'rpc'>;
	/**
	 * Runs a call's function.
	 *
	 * @param begun Hears that nothing has refused it, and it begins.
	 */
	run(call: Call, begun?: () => void): MaybePromise<unknown>;
	/** Whether what a function comes to is kept where other instances find it. */
	isDurable(path: unknown): boolean;
	/** The reply to a call that failed; reports what is no LiveError. */
	encodeError(id: number | null, error: unknown): string;
	/** The same, once the app itself has seen the error. */
	failed(connection: Connection, id: number | null, error: unknown): MaybePromise<string>;
}

/** The calls that are served, as other plugins see them. */
export interface ServedCalls {
	/** Tells the session of a connection from any other, where its client has named one. */
	sessionOf(connection: Connection): string | undefined;
	/** Takes a frame that is a call of any kind. */
	receive(message: MessageContext, run: (call: Call) => MaybePromise<unknown>): typeof HANDLED;
	/** The call that runs under an id of this connection's client. */
	callOf(connection: Connection, id: unknown): ClientCall | undefined;
	/** Resolves when the calls of this connection's client that run are answered; nothing where none does. */
	answered(connection: Connection): Promise<unknown> | undefined;
}

type CallFrame = Readonly<Record<string, unknown>>;

export interface CallsOptions extends SessionOptions, DurableOptions {}

export function serveCalls(
	{ kernel, run, isDurable, encodeError, failed }: Server,
	options: CallsOptions
): ServedCalls {
	const { values, limits } = kernel;
	const sessions = createSessions(kernel, options);
	handOver(kernel, sessions);
	const elsewhere = createElsewhere({ kernel, sessions, isDurable, encodeError }, options);
	const callers = new WeakMap<Connection, Caller>();

	/** Whose frame it is; nobody's, where the client has left the connection behind. */
	function callerOf(connection: Connection): Caller | undefined {
		let caller = callers.get(connection);
		if (caller === undefined) callers.set(connection, (caller = new Caller(connection)));
		return caller.connection === connection ? caller : undefined;
	}

	function refuse(connection: Connection, id: number | null, error: LiveError): void {
		connection.answer(encodeError(id, error));
	}

	function reply({ caller, id }: Call, text: string): void {
		if (caller instanceof Session) sessions.keep(caller, id, text);
		caller.connection.answer(text);
	}

	function encoded({ id, path }: Call, result: unknown): string {
		try {
			return encodeReply(id, values.encode(result, path as string));
		} catch (error) {
			return encodeError(id, error);
		}
	}

	function answer(call: Call, result: unknown): void {
		reply(call, encoded(call, result));
	}

	/** Waits for a handler, counted, so that no caller can pile up calls without end. */
	async function answerLater(call: Call, result: PromiseLike<unknown>): Promise<void> {
		const { caller } = call;
		const key = caller.add(call);
		try {
			answer(call, await result);
		} catch (error) {
			const text = failed(call.connection, call.id, error);
			reply(call, typeof text === 'string' ? text : await text);
		} finally {
			caller.running.delete(key);
		}
	}

	/** Waits for what to say of a call that failed at once. */
	async function replyLater(call: Call, text: Promise<string>): Promise<void> {
		const key = call.caller.add(call);
		reply(call, await text);
		call.caller.running.delete(key);
	}

	/** Runs a call when the one before it is over, unless nobody wants it any more by then. */
	async function runAfter(
		before: Promise<void> | undefined,
		call: Call,
		begin: () => MaybePromise<unknown> = () => call.run(call)
	): Promise<unknown> {
		await before;
		if (call.isCancelled) throw new LiveError('STALE');
		return begin();
	}

	/** @throws {LiveError} where it cannot begin. */
	function admit({ caller, connection, op }: Call): void {
		if (caller.running.size >= limits.calls) {
			kernel.limited('calls', connection);
			throw new LiveError('RATE_LIMITED', 'Too many calls are running.');
		}
		if (op !== undefined && !isOperation(op)) {
			const why = 'An operation is named by 1 to 64 printable characters.';
			throw new LiveError('INVALID_REQUEST', why);
		}
	}

	function begin(call: Call, after: unknown): void {
		const { running } = call.caller;
		try {
			admit(call);
			const before = typeof after === 'number' ? running.get(after)?.settled : undefined;
			const result = before ? runAfter(before, call) : call.run(call);
			if (isThenable(result)) call.settled = answerLater(call, result);
			else answer(call, result);
		} catch (error) {
			const text = failed(call.connection, call.id, error);
			if (typeof text === 'string') reply(call, text);
			else call.settled = replyLater(call, text);
		}
	}

	/** Whether a session has had this call before; then it is answered, now or when it is over. */
	function isRepeated({ results, running, connection }: Session, id: number): boolean {
		if (id > results.highest) {
			results.highest = id;
			return false;
		}
		const kept = results.find(id);
		if (kept !== undefined) connection.answer(kept);
		else if (id <= results.acknowledged) unknown(connection, id);
		else return running.has(id);
		return true;
	}

	/** It may have run; what it came to is forgotten. */
	function unknown(connection: Connection, id: number): void {
		refuse(connection, id, new LiveError('UNKNOWN_OUTCOME'));
	}

	/** Begins a call that has left no trace here, unless it may have run, here or elsewhere. */
	function take(session: Session, call: Call, frame: CallFrame): void {
		const settle = elsewhere.look(session, call, frame['again']);
		if (settle === undefined) begin(call, frame['after']);
		else if (settle === 'unknown') unknown(call.connection, call.id);
		else settleLater(call, frame, settle);
	}

	/** Answers a call that cannot begin at once. */
	function settleLater(call: Call, { again, after }: CallFrame, settle: Settle): void {
		try {
			admit(call);
		} catch (error) {
			// Of what may have run nobody can say that it is refused.
			const code = again === undefined ? error : new LiveError('UNKNOWN_OUTCOME');
			return void call.connection.answer(encodeError(call.id, code));
		}
		const before = typeof after === 'number' ? call.caller.running.get(after)?.settled : undefined;
		const perform = async (begun?: () => void): Promise<string> => {
			try {
				const begin = begun && (() => run(call, begun));
				return encoded(call, await runAfter(before, call, begin));
			} catch (error) {
				return failed(call.connection, call.id, error);
			}
		};
		const text = settle(perform).catch((error: unknown) => encodeError(call.id, error));
		call.settled = replyLater(call, text);
	}

	function receive(
		{ connection, frame }: MessageContext,
		run: (call: Call) => MaybePromise<unknown>
	): typeof HANDLED {
		// What is held up somewhere may come in this late; its client asks again elsewhere.
		if (sessions.isEnded) return HANDLED;
		const id = idOf(frame);
		const caller = callerOf(connection);
		if (id === null) {
			refuse(connection, null, new LiveError('INVALID_REQUEST', 'A call has an id.'));
		} else if (caller instanceof Session) {
			if (frame['done'] !== undefined) sessions.acknowledge(caller, frame['done']);
			if (!isRepeated(caller, id)) take(caller, new Call(caller, id, frame, run), frame);
		} else if (caller !== undefined) {
			if (frame['again'] !== undefined) unknown(connection, id);
			else begin(new Call(caller, id, frame, run), frame['after']);
		}
		return HANDLED;
	}

	kernel.hook('message', (message) => receive(message, run), { type: 'rpc' });

	kernel.hook(
		'message',
		({ connection, frame }) => {
			const { session, last, via } = frame;
			const isNamed = typeof session === 'string' && session.length >= 16 && session.length <= 64;
			if (!isNamed || callers.has(connection)) {
				const why = 'A session has 16 to 64 characters and comes before the first call, once.';
				refuse(connection, null, new LiveError('INVALID_REQUEST', why));
			} else callers.set(connection, sessions.enter(connection, { session, last, via }));
			return HANDLED;
		},
		{ type: 'rpc:session' }
	);

	kernel.hook(
		'message',
		({ connection, frame }) => {
			callerOf(connection)
				?.running.get(frame['id'] as number)
				?.cancel();
			return HANDLED;
		},
		{ type: 'rpc:cancel', answers: false }
	);

	kernel.hook('close', ({ connection, code }) => {
		const caller = callers.get(connection);
		if (caller?.connection !== connection) return;
		const isOver = code === CLOSE.GOING_AWAY;
		if (caller instanceof Session) sessions.left(caller, isOver);
		// The client of a session comes back, but for a page that was closed.
		if (!(caller instanceof Session) || isOver) caller.abandon();
	});

	return {
		sessionOf(connection) {
			const caller = callers.get(connection);
			return caller instanceof Session ? caller.key : undefined;
		},
		receive,
		callOf: (connection, id) => callerOf(connection)?.running.get(id as number),
		answered(connection) {
			const running = [...(callers.get(connection)?.running.values() ?? [])];
			if (running.length > 0) return Promise.all(running.map(({ settled }) => settled));
		}
	};
}

/** Everyone who follows a topic that the function publishes to is sent it. */
function isOperation(op: unknown): boolean {
	return typeof op === 'string' && /^[ -~]{1,64}$/.test(op);
}
