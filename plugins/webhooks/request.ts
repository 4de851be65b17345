/** What was posted: read to the last byte, or refused. */

import type { WebhookRequest } from './declare.ts';

/** A request, or what is left of one. */
export type WebhookInput =
	| { readonly request: Request }
	| {
			readonly body: string | ArrayBuffer | Uint8Array;
			readonly headers: ConstructorParameters<typeof Headers>[0];
	  };

/** Reads a request; `undefined` where it has more than `most` bytes. @throws what its stream fails with */
export async function readRequest(
	input: WebhookInput,
	most: number
): Promise<WebhookRequest | undefined> {
	const headers = new Headers('request' in input ? input.request.headers : input.headers);
	const bytes =
		'request' in input ? await readBody(input.request, most) : new Uint8Array(toBytes(input.body));
	if (bytes === undefined || bytes.byteLength > most) return undefined;
	// A mark at the beginning is part of what was signed.
	const body = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
	return { body, bytes, headers };
}

function toBytes(body: string | ArrayBuffer | Uint8Array): ArrayBuffer | Uint8Array {
	return typeof body === 'string' ? new TextEncoder().encode(body) : body;
}

async function readBody(
	request: Request,
	most: number
): Promise<Uint8Array<ArrayBuffer> | undefined> {
	if (Number(request.headers.get('content-length') ?? 0) > most) return undefined;
	const chunks: Uint8Array[] = [];
	let size = 0;
	// Leaving the loop cancels the stream: nothing more of the body is taken in.
	for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
		size += chunk.byteLength;
		if (size > most) return undefined;
		chunks.push(chunk);
	}
	const bytes = new Uint8Array(size);
	let at = 0;
	for (const chunk of chunks) {
		bytes.set(chunk, at);
		at += chunk.byteLength;
	}
	return bytes;
}
