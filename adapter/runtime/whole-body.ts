/** Bodies that are there as a whole, and need not be read from a stream: see `whole-text.ts`. */

/** The bytes of a response that keeps them, and of which nobody has had the stream. */
export type BytesOf = (response: Response) => Uint8Array | undefined;

const BYTES_OF = Symbol.for('svelte-realtime.bytes-of');

/** Its bytes, or `undefined` where there is a stream to read, or no body. */
export function wholeBody(response: Response): Uint8Array | undefined {
	// Put there by the bundle of the app, of which this may not be a part.
	return (globalThis as { [BYTES_OF]?: BytesOf })[BYTES_OF]?.(response);
}

/** Whether there is a body; who asks for the property asks for a stream. */
export function hasBody(response: Response): boolean {
	return wholeBody(response) !== undefined || response.body !== null;
}
