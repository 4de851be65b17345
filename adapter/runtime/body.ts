/** Request bodies, held to a limit while they flow. */

export interface LimitedBody {
	readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
	/** More has arrived than is allowed; the stream has failed for its reader. */
	readonly isExceeded: boolean;
}

/**
 * Counts a body as it is read, and fails it at the first chunk past the limit.
 *
 * @param limit Bytes.
 */
export function limitBody(
	source: ReadableStream<Uint8Array<ArrayBuffer>>,
	limit: number
): LimitedBody {
	const reader = source.getReader();
	const state = { isExceeded: false };
	let total = 0;
	const stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
		{
			async pull(controller) {
				const { done, value } = await reader.read();
				if (done) return controller.close();
				total += value.byteLength;
				if (total <= limit) return controller.enqueue(value);
				state.isExceeded = true;
				controller.error(new Error(`The request body is larger than ${limit} bytes.`));
				// The source's own reaction to this, whatever it is, changes nothing any more.
				reader.cancel().catch(() => {});
			},
			cancel: (reason) => reader.cancel(reason)
		},
		// Nothing is read ahead, so that a body which nobody wants is not taken in.
		{ highWaterMark: 0 }
	);
	return {
		stream,
		get isExceeded() {
			return state.isExceeded;
		}
	};
}
