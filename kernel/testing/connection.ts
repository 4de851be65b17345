import type { SocketConnection } from '../connection.ts';
import type { ConnectionData } from '../contexts.ts';
import type { Kernel } from '../kernel.ts';
import { LiveError, type WireError } from '../live-error.ts';
import { settle } from './clock.ts';
import type { FakeSocket, FakeTransport } from './transport.ts';

/** A frame as it came over the wire. */
export type ReceivedFrame = Readonly<Record<string, unknown>> & { readonly type: string };

/** An event as a follower sees it. */
export interface FollowedEvent {
	readonly event: string;
	readonly data: unknown;
	/** 0 = not numbered. */
	readonly seq: number;
}

/** A stream that a test connection follows, as it came: nothing is merged. */
export interface FollowedStream {
	readonly topic: string;
	/** What was loaded. */
	readonly data: unknown;
	/** What has happened since, also while it was loaded. */
	readonly events: readonly FollowedEvent[];
	/** Why the server has ended it, if it has. */
	readonly error: LiveError | undefined;
	/** Follows it no longer. */
	end(): Promise<void>;
}

/** A client without a network. */
export interface TestConnection {
	readonly connection: SocketConnection;
	readonly socket: FakeSocket;
	/** What has come in since the last `take()`, after `welcome`, but for answers to `call` and `follow`. */
	readonly received: readonly ReceivedFrame[];
	/** Returns what has come in and begins anew. */
	take(): readonly ReceivedFrame[];
	/** Sends frames as one message, and waits until what they cause has happened. */
	send(...frames: readonly object[]): Promise<void>;
	/** Sends a text, well formed or not. */
	sendText(text: string): Promise<void>;
	/** Calls a live function by `module/function`. @throws {LiveError} what the server answers. */
	call(path: string, ...args: readonly unknown[]): Promise<unknown>;
	/** Follows a live stream by `module/stream`. @throws {LiveError} what the server answers. */
	follow(path: string, ...args: readonly unknown[]): Promise<FollowedStream>;
	/** The far end goes away. */
	leave(code?: number): Promise<void>;
}

export async function openConnection(
	kernel: Kernel,
	transport: FakeTransport,
	data: ConnectionData
): Promise<TestConnection> {
	const socket = transport.socket();
	const connection = kernel.open(socket, data) as SocketConnection;
	const asker = createAsker(kernel, connection, socket);
	socket.onClose = (code, reason) => {
		kernel.close(connection, code, reason);
		asker.close();
	};
	await settle();
	socket.sent.shift(); // welcome
	const read = (): ReceivedFrame[] => socket.sent.map((text) => JSON.parse(String(text)) as never);
	const sendText = async (text: string): Promise<void> => {
		kernel.message(connection, text, Buffer.byteLength(text));
		await settle();
	};
	return {
		connection,
		socket,
		get received() {
			return read();
		},
		take() {
			const frames = read();
			socket.sent.length = 0;
			return frames;
		},
		send: (...frames) => sendText(JSON.stringify(frames.length === 1 ? frames[0] : frames)),
		sendText,
		call: asker.call,
		follow: asker.follow,
		async leave(code = 1001) {
			socket.end(code, '');
			await settle();
		}
	};
}

type Asker = Pick<TestConnection, 'call' | 'follow'> & { close(): void };

interface Question {
	answered(frame: ReceivedFrame): void;
	failed(error: LiveError): void;
}

/** Ids of questions, far from those that a test gives its own frames. */
const FIRST_ID = 1_000_000;

function createAsker(kernel: Kernel, connection: SocketConnection, socket: FakeSocket): Asker {
	const questions = new Map<unknown, Question>();
	const streams = new Map<number, { topic: string; events: FollowedEvent[] }>();
	let lastId = FIRST_ID;

	/** Reads what is an answer to a question, and leaves everything else to the test. */
	function hear(text: string): boolean {
		const frame = JSON.parse(text) as ReceivedFrame;
		if (frame.type === 'event') {
			for (const { topic, events } of streams.values()) {
				if (frame['topic'] === topic) events.push(eventOf(frame));
			}
		}
		const question = questions.get(frame['id']);
		if (question === undefined) return false;
		const error = frame['error'] as WireError | undefined;
		if (error) question.failed(new LiveError(error.code, error.message, optionsOf(error)));
		else question.answered(frame);
		return true;
	}

	function ask(frame: object, answered: (frame: ReceivedFrame) => void): Promise<void> {
		socket.onSend = (payload) => typeof payload === 'string' && hear(payload);
		lastId += 1;
		const id = lastId;
		return new Promise<void>((resolve, reject) => {
			questions.set(id, {
				failed: reject,
				answered(answer) {
					answered(answer);
					resolve();
				}
			});
			const text = JSON.stringify({ ...frame, id });
			kernel.message(connection, text, Buffer.byteLength(text));
		});
	}

	function valueOf(frame: Readonly<Record<string, unknown>>): unknown {
		if (frame['devalue'] !== true) return frame['data'];
		return kernel.values.read({ json: JSON.stringify(frame['data']), devalue: true });
	}

	function eventOf(frame: Readonly<Record<string, unknown>>): FollowedEvent {
		const { event, seq = 0 } = frame as { event: string; seq?: number };
		return { event, data: valueOf(frame), seq };
	}

	function written(args: readonly unknown[], path: string): object {
		const { json, devalue } = kernel.values.encode([...args], path);
		return { path, args: JSON.parse(json!) as unknown, ...(devalue && { devalue }) };
	}

	return {
		async call(path, ...args) {
			let result: unknown;
			const asked = ask({ type: 'rpc', ...written(args, path) }, (answer) => {
				result = valueOf(answer);
			});
			const id = lastId;
			await asked.finally(() => questions.delete(id));
			return result;
		},

		async follow(path, ...args) {
			let error: LiveError | undefined;
			let data: unknown;
			const own = { topic: '', events: [] as FollowedEvent[] };
			const id = lastId + 1;
			await ask({ type: 'stream', ...written(args, path) }, (answer) => {
				data = valueOf(answer);
				own.topic = answer['topic'] as string;
				own.events.push(...((answer['events'] as ReceivedFrame[]) ?? []).map(eventOf));
				streams.set(id, own);
				// Whatever is said of it after that is that the server has ended it.
				questions.set(id, {
					answered: () => {},
					failed(reason) {
						error = reason;
						streams.delete(id);
					}
				});
			});
			return {
				...own,
				data,
				get error() {
					return error;
				},
				async end() {
					streams.delete(id);
					questions.delete(id);
					const text = JSON.stringify({ type: 'stream:end', id });
					kernel.message(connection, text, text.length);
					await settle();
				}
			};
		},

		close() {
			for (const { failed } of questions.values()) failed(new LiveError('DISCONNECTED'));
			questions.clear();
			streams.clear();
		}
	};
}

function optionsOf({ issues, retryAfter }: WireError): ConstructorParameters<typeof LiveError>[2] {
	return { ...(issues && { issues }), ...(retryAfter !== undefined && { retryAfter }) };
}
