import { expect, test } from 'vitest';
import type { Head, Reply } from '../../adapter/runtime/front.ts';
import { sendResponse } from '../../adapter/runtime/deliver.ts';
import { wholeBody } from '../../adapter/runtime/whole-body.ts';

const BYTES = new TextEncoder().encode('Grüße');
/** Node 24 keeps what a Response was made of to itself: there the stream is read. */
const isAtHand = wholeBody(new Response(BYTES)) !== undefined;

test('Node 20 and 22 have the bytes of a Response at hand', () => {
	expect(isAtHand).toBe(Number(process.versions.node.split('.')[0]) < 24);
});

test('a body that is there as a whole is sent without a reader of its stream', async () => {
	const response = new Response(BYTES);
	let readers = 0;
	const body = response.body!;
	const getReader = body.getReader.bind(body);
	Object.defineProperty(body, 'getReader', { value: () => (readers++, getReader()) });
	expect(await answerOf(response)).toEqual({ status: 200, text: 'Grüße' });
	expect(readers).toBe(isAtHand ? 0 : 1);
});

test.each<[name: string, response: () => Response | Promise<Response>, text: string]>([
	['bytes', () => new Response(BYTES), 'Grüße'],
	['no bytes', () => new Response(new Uint8Array()), ''],
	['part of a buffer', () => new Response(BYTES.subarray(1, 2)), 'r'],
	['text', () => new Response('Grüße'), 'Grüße'],
	['a form', () => new Response(new URLSearchParams({ a: 'b c' })), 'a=b+c'],
	['a blob', () => new Response(new Blob(['Grüße'])), 'Grüße'],
	['a stream', () => new Response(new Response(BYTES).body), 'Grüße'],
	['what was cloned', cloned, 'Grüße'],
	['the clone', () => new Response(BYTES).clone(), 'Grüße'],
	['what was begun to read', begun, 'more'],
	['with another body by its property', replaced, 'another'],
	['of a class with a body of its own', () => new Upper(BYTES), 'GRÜSSE'],
	['behind a proxy that puts another body in its place', proxied, 'another']
])('%s: what is sent is its body', async (_name, make, text) => {
	expect(await answerOf(await make())).toEqual({ status: 200, text });
});

test('a body that somebody has locked is an error; of one at hand the length is its own', async () => {
	const locked = new Response(BYTES);
	locked.body!.getReader();
	await expect(answerOf(locked)).rejects.toThrow(/locked/i);
	const headers = { 'content-length': '3' };
	expect(await answerOf(new Response(BYTES, { headers }))).toMatchObject({ text: 'Grüße' });
});

async function cloned(): Promise<Response> {
	const response = new Response(BYTES);
	expect(await response.clone().text()).toBe('Grüße');
	return response;
}

async function begun(): Promise<Response> {
	const chunks = ['first', 'more'].map((text) => new TextEncoder().encode(text));
	const response = new Response(
		new ReadableStream({ pull: (to) => (chunks[0] ? to.enqueue(chunks.shift()) : to.close()) })
	);
	const reader = response.body!.getReader();
	await reader.read();
	reader.releaseLock();
	return response;
}

function replaced(): Response {
	const { body } = new Response('another');
	return Object.defineProperty(new Response(BYTES), 'body', { value: body });
}

class Upper extends Response {
	readonly #body = new Response('GRÜSSE').body;
	override get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
		return this.#body;
	}
}

function proxied(): Response {
	const { body } = new Response('another');
	return new Proxy(new Response(BYTES), {
		get(response, name) {
			if (name === 'body') return body;
			const value: unknown = Reflect.get(response, name, response);
			return typeof value === 'function' ? value.bind(response) : value;
		}
	});
}

/** What a client is sent. */
async function answerOf(response: Response): Promise<{ status: number; text: string }> {
	const sent: Uint8Array[] = [];
	let status = 0;
	const add = (body: Uint8Array | string | undefined): void => {
		if (body !== undefined) sent.push(Buffer.from(body as Uint8Array));
	};
	const begin = (head: Head): void => {
		status = head.status;
	};
	const reply: Reply = {
		isClosed: false,
		copies: true,
		onClosed: () => {},
		send: (head, body) => {
			begin(head);
			add(body);
		},
		refuse: () => {},
		begin,
		write: (chunk) => void add(chunk),
		end: () => {},
		abort: () => {}
	};
	await sendResponse(reply, 'GET', response);
	return { status, text: Buffer.concat(sent).toString() };
}
