import { LiveError } from '../live-error.ts';
import { localError } from './local-error.ts';
import { encodeWith, type Frame } from '../protocol.ts';
import type { ClientValues } from './values.ts';

/** A frame on its way to the server. */
export interface Outgoing {
	readonly frame: Frame;
	readonly args?: readonly unknown[];
	/** The arguments as text, where they are written already. */
	parts?: Readonly<Record<string, string>> | undefined;
	/** Whether it has left; set by the queue. */
	sent?: boolean;
	/** Hears that the frame will never be sent. */
	fail?(error: LiveError): void;
	/** The frame as text, as soon as there is one; kept by the queue. */
	text?: string;
}

export interface SendQueue {
	push(outgoing: Outgoing): void;
	/** Takes a frame out that has not left. */
	remove(outgoing: Outgoing): void;
	/** Sends what waits; to be called when the connection opens. */
	flush(): void;
	/** Drops the frames that mean nothing to the next connection: those that nobody waits for. */
	forget(): void;
}

/** Bytes that a frame may grow by when it is sent again. */
const AGAIN = 13;

interface SendQueueOptions {
	readonly values: ClientValues;
	/** What the server takes in one message: bytes and frames. */
	limits(): { readonly message: number; readonly batch: number };
	isOpen(): boolean;
	/** Frames that may wait for a connection. */
	capacity(): number;
	write(text: string): void;
	/** Hears that devalue could not be fetched. */
	stuck(): void;
}

/**
 * Holds frames until the connection is open and their values are encoded, in order, and sends those
 * of one microtask together, in messages that the server's limits allow.
 */
export function createSendQueue(options: SendQueueOptions): SendQueue {
	const waiting = new Set<Outgoing>();
	let scheduled = false;

	function flush(): void {
		scheduled = false;
		const { message, batch } = options.limits();
		const texts: string[] = [];
		let size = 0;
		const write = (): void => {
			if (texts.length > 0) options.write(texts.length === 1 ? texts[0]! : `[${texts.join()}]`);
			texts.length = size = 0;
		};
		for (const outgoing of waiting) {
			if (!options.isOpen()) break;
			const prepared = prepare(outgoing);
			if (prepared === false) {
				options.values.load().then(schedule, options.stuck);
				break;
			}
			waiting.delete(outgoing);
			const bytes = new TextEncoder().encode(outgoing.text).byteLength;
			if (prepared !== true || bytes > message - (outgoing.sent ? 0 : AGAIN)) {
				outgoing.fail?.(prepared === true ? localError('PAYLOAD_TOO_LARGE') : prepared);
				continue;
			}
			// A comma for each frame, and a bracket more, stand around them.
			if (texts.length === batch || size + bytes + 2 > message) write();
			texts.push(outgoing.text!);
			size += bytes + 1;
			outgoing.sent = true;
		}
		write();
	}

	/** Writes the frame's text: whether that is done, has to wait for devalue, or why it cannot be. */
	function prepare(outgoing: Outgoing): boolean | LiveError {
		if (outgoing.text !== undefined) return true;
		try {
			const parts = outgoing.parts ?? options.values.encode(outgoing.args ?? []);
			if (parts) outgoing.text = encodeWith(outgoing.frame, '', parts);
			return parts !== undefined;
		} catch (cause) {
			return new LiveError('INVALID_REQUEST', `Cannot be sent: ${cause}`, { cause });
		}
	}

	function schedule(): void {
		if (scheduled) return;
		scheduled = true;
		queueMicrotask(flush);
	}

	return {
		push(outgoing) {
			// At once, as the caller may change its objects while the frame waits.
			prepare(outgoing);
			waiting.add(outgoing);
			if (options.isOpen()) schedule();
			else if (waiting.size > options.capacity()) {
				const [oldest] = waiting;
				waiting.delete(oldest!);
				oldest!.fail?.(localError('QUEUE_FULL'));
			}
		},
		remove: (outgoing) => void waiting.delete(outgoing),
		flush,
		forget() {
			for (const outgoing of waiting) if (!outgoing.fail) waiting.delete(outgoing);
		}
	};
}
