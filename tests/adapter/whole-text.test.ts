import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { sendResponse } from '../../adapter/runtime/deliver.ts';
import type { Reply } from '../../adapter/runtime/front.ts';
import { hasBody, wholeBody } from '../../adapter/runtime/whole-body.ts';
import { wholeText, withWholeText } from '../../adapter/whole-text.ts';

type Text = (body: string, init?: ResponseInit) => Response;

const kit = dirname(createRequire(import.meta.url).resolve('@sveltejs/kit/package.json'));
const FILE = join(kit, 'src/exports/index.js');
const SOURCE = readFileSync(FILE, 'utf8');
const FUNCTION = /export function text\([^]*?\n}\n/.exec(SOURCE)![0];

let kits: Text;
let ours: Text;
beforeAll(async () => {
	const load = async (source: string): Promise<Text> => {
		const whole = `const text_encoder = new TextEncoder();\n${source}`;
		const url = `data:text/javascript,${encodeURIComponent(whole)}`;
		return ((await import(/* @vite-ignore */ url)) as { text: Text }).text;
	};
	kits = await load(FUNCTION);
	ours = await load(withWholeText(FUNCTION));
});

test('of all that is bundled it changes the one place, on its line', () => {
	const { transform } = wholeText() as object as {
		transform(code: string, id: string): { code: string } | null;
	};
	const { code } = transform(SOURCE, FILE)!;
	const lines = SOURCE.split('\n');
	const changed = code.split('\n').slice(0, lines.length - 1);
	expect(changed.filter((line, at) => line !== lines[at])).toEqual([
		'\t\treturn responseOfBytes(encoded, {'
	]);
	expect(transform(SOURCE, '/app/src/exports/index.js'), 'a module of the app').toBeNull();
	expect(transform('export {}', FILE), 'a version that has it otherwise').toBeNull();
});

const INITS: [string, ResponseInit | undefined][] = [
	['nothing said', undefined],
	['a status and its text', { status: 404, statusText: 'Nowhere' }],
	['headers', { headers: { 'content-type': 'text/html', etag: '"a"' } }],
	['a length', { headers: { 'content-length': '7' } }]
];

/** What an app may do with a response. */
const USES: Record<string, (response: Response) => unknown> = {
	text: (response) => response.text(),
	json: (response) => response.json().catch((error: Error) => error.name),
	arrayBuffer: async (response) => Buffer.from(await response.arrayBuffer()).toString('hex'),
	blob: async (response) => {
		const blob = await response.blob();
		return [blob.type, await blob.text()];
	},
	bytes: async (response) =>
		'bytes' in response && Buffer.from(await response.bytes()).toString('hex'),
	formData: (response) => response.formData().catch((error: Error) => error.name),
	reader: async (response) => {
		const { value } = await response.body!.getReader().read();
		return [Buffer.from(value!).toString(), response.bodyUsed, response.body!.locked];
	},
	'a second time': async (response) => {
		await response.text();
		return [response.bodyUsed, await response.text().catch((error: Error) => error.name)];
	},
	clone: async (response) => {
		const clone = response.clone();
		clone.headers.set('x-mine', '1');
		const both = [await clone.text(), await response.text()];
		return [...both, clone.bodyUsed, response.headers.get('x-mine'), clone.status];
	},
	'clone of what somebody has seen the body of': async (response) => {
		expect(response.body).toBe(response.body);
		response.headers.set('x-later', '1');
		const clone = response.clone();
		return [clone.headers.get('x-later'), await clone.text(), await response.text()];
	},
	'clone of what was read': async (response) => {
		await response.text();
		try {
			return response.clone();
		} catch (error) {
			return (error as Error).name;
		}
	},
	'another of its parts': (response) => new Response(response.body, response).text(),
	'what it is': (response) => [
		response instanceof Response,
		Object.prototype.toString.call(response),
		...[response.ok, response.status, response.statusText, response.type, response.url],
		...[response.redirected, response.bodyUsed, [...response.headers]]
	]
};

describe.each(INITS)('%s', (_name, init) => {
	test.each(Object.entries(USES))('%s is as of a plain response', async (_use, use) => {
		const [one, other] = [ours, kits].map((text) => text('Grüße & "more"', init));
		expect(await use(one!)).toEqual(await use(other!));
	});
});

test.each([101, 204, 205, 304, 99])('with the status %i it is the same error', (status) => {
	const errorOf = (text: Text): unknown => {
		try {
			return text('a', { status });
		} catch (error) {
			return [(error as Error).name, (error as Error).message];
		}
	};
	expect(errorOf(ours)).toEqual(errorOf(kits));
	expect(errorOf(ours)).toBeInstanceOf(Array);
});

test('it is sent without a stream, as long as nobody had one', async () => {
	const response = ours('Grüße');
	expect(Buffer.from(wholeBody(response)!).toString()).toBe('Grüße');
	expect(hasBody(response)).toBe(true);
	expect(await answerOf(response)).toEqual({ head: 200, body: 'Grüße', length: '7' });
	expect(wholeBody(response), 'who sends it makes none').toBeDefined();
	expect(await response.clone().text()).toBe('Grüße');
	expect(wholeBody(response), 'nor who reads a clone').toBeDefined();
	expect(response.body).toBeInstanceOf(ReadableStream);
	expect(wholeBody(response)).toBeUndefined();
});

test.each<[name: string, response: (text: Text) => Response | Promise<Response>, body: string]>([
	['a page', (text) => text('Grüße'), 'Grüße'],
	['an empty one', (text) => text(''), ''],
	['a large one', (text) => text('x'.repeat(100_000)), 'x'.repeat(100_000)],
	['one of the app', () => new Response('Grüße'), 'Grüße'],
	['a clone', (text) => text('Grüße').clone(), 'Grüße'],
	['what was cloned', cloned, 'Grüße'],
	['what was read', read, ''],
	['with another body by its property', replaced, 'another'],
	['behind a proxy that has another body', proxied, 'another'],
	['wrapped', (text) => new Response(text('Grüße').body, { status: 200 }), 'Grüße']
])('%s: what is sent is its body', async (_name, make, body) => {
	expect(await answerOf(await make(ours))).toMatchObject({ head: 200, body });
	expect(await answerOf(await make(ours), 'HEAD')).toMatchObject({ head: 200, body: '' });
});

test('what somebody has locked is an error', async () => {
	const locked = ours('Grüße');
	locked.body!.getReader();
	await expect(answerOf(locked)).rejects.toThrow(/locked/i);
});

async function cloned(text: Text): Promise<Response> {
	const response = text('Grüße');
	response.body?.toString();
	expect(await response.clone().text()).toBe('Grüße');
	return response;
}

async function read(text: Text): Promise<Response> {
	const response = text('Grüße');
	const reader = response.body!.getReader();
	while (!(await reader.read()).done);
	reader.releaseLock();
	return response;
}

function replaced(text: Text): Response {
	const { body } = new Response('another');
	return Object.defineProperty(text('Grüße'), 'body', { value: body });
}

function proxied(text: Text): Response {
	const { body } = new Response('another');
	return new Proxy(text('Grüße'), {
		get(response, name) {
			if (name === 'body') return body;
			const value: unknown = Reflect.get(response, name, response);
			return typeof value === 'function' ? value.bind(response) : value;
		}
	});
}

/** What a client is sent. */
async function answerOf(
	response: Response,
	method = 'GET'
): Promise<{ head: number; body: string; length: string | null }> {
	const sent: Uint8Array[] = [];
	let status = 0;
	const add = (body: Uint8Array | string | undefined): void => {
		if (body !== undefined) sent.push(Buffer.from(body as Uint8Array));
	};
	const reply: Reply = {
		isClosed: false,
		copies: true,
		onClosed: () => {},
		send: (head, body) => {
			status = head.status;
			add(body);
		},
		refuse: () => {},
		begin: (head) => void (status = head.status),
		write: (chunk) => void add(chunk),
		end: () => {},
		abort: () => {}
	};
	await sendResponse(reply, method, response);
	const length = response.headers.get('content-length');
	return { head: status, body: Buffer.concat(sent).toString(), length };
}
