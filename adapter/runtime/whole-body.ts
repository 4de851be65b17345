/** Bodies that a Response was made of, and that need not be read from a stream. */

/** What Node's own Response (undici 6) keeps under a symbol; later versions keep it to themselves. */
interface State {
	readonly body?: {
		readonly stream?: unknown;
		readonly source?: unknown;
		readonly length?: unknown;
	} | null;
}

const STATE = Object.getOwnPropertySymbols(new Response('')).find(
	({ description }) => description === 'state'
) as keyof Response | undefined;

/**
 * The bytes that are the whole body, where Node has them at hand: to read them through a stream takes
 * two promises and a reader. (hono's server for Node looks there too.) Where it has not, or where
 * somebody has put another body in their place or has begun to read, it is `undefined`.
 */
export function wholeBody(response: Response): Uint8Array | undefined {
	const body = STATE && (response[STATE] as State | undefined)?.body;
	if (!body || !(body.source instanceof Uint8Array)) return undefined;
	const { source, length } = body;
	const stream = response.body;
	if (stream !== body.stream || stream?.locked) return undefined;
	// Who has begun to read, were it from a clone, has taken the buffer along.
	return source.byteLength === length ? source : undefined;
}
