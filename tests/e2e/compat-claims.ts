/** What holds of the app in tests/fixtures/compat, whatever it runs on. */

import { once } from 'node:events';
import type { Browser } from 'playwright-core';
import { expect } from 'vitest';
import WebSocket from 'ws';
import { RawConnection, raw, request } from '../adapter/raw.ts';
import type { Running } from './site.ts';

/** How the app is run. */
export type Mode = 'build' | 'dev' | 'preview';

/** The app as it runs. */
export interface Subject {
	readonly server: Running;
	readonly mode: Mode;
}

export interface Claim {
	readonly name: string;
	holds(subject: Subject): Promise<void>;
}

export const CLAIMS: readonly Claim[] = [
	{
		name: 'a page is rendered with the data of a stream',
		async holds({ server }) {
			const answer = await fetch(server.url);
			const html = await answer.text();

			expect(answer.status, server.output()).toBe(200);
			expect(answer.headers.get('content-type')).toBe('text/html');
			expect(html.replace(/<script[^]*?<\/script>/g, ''), server.output()).toContain('first note');
		}
	},
	{
		name: 'its ETag is the hash that SvelteKit makes of it',
		async holds({ server }) {
			const answer = await fetch(server.url, { headers: { 'accept-encoding': 'identity' } });
			const html = await answer.text();
			let hash = 5381;
			for (let at = html.length; at > 0;) hash = (hash * 33) ^ html.charCodeAt(--at);

			expect(answer.headers.get('etag')).toBe(`"${(hash >>> 0).toString(36)}"`);
		}
	},
	{
		name: 'its stream goes on in the socket, and hears of a call',
		async holds({ server }) {
			const live = await connect(server, 'Ada');
			const since = positionIn(await (await fetch(server.url)).text());
			live.send({ type: 'stream', id: 1, path: 'notes/list', since });
			const answer = await live.until(({ id }) => id === 1);
			expect(answer.type, 'the page has what there is').toBe('stream:recovered');
			live.send({ type: 'rpc', id: 2, path: 'notes/add', args: ['second note'] });
			const reply = await live.until(({ id }) => id === 2);
			const event = await live.until(({ type }) => type === 'event');
			live.socket.terminate();

			expect(reply).toMatchObject({ type: 'reply', data: { text: 'second note' } });
			expect(event).toMatchObject({ data: (reply as { data: object }).data });
		}
	},
	{
		name: 'a call knows its visitor, and runs as a request of the app',
		async holds({ server }) {
			const live = await connect(server, 'Ada');
			const paths = ['who/me', 'who/meAfresh', 'who/away', 'who/broken'];
			paths.forEach((path, at) => live.send({ type: 'rpc', id: at + 3, path }));
			const replies = await Promise.all(
				paths.map((_, at) => live.until(({ id }) => id === at + 3))
			);
			live.socket.terminate();

			expect(replies[0], server.output()).toMatchObject({ data: ['Ada', 'Ada', 'GET'] });
			expect(replies[1]).toMatchObject({ data: ['Ada', 'Ada', 'POST'] });
			expect(replies[2]).toMatchObject({ error: { code: 'REDIRECT', location: '/login' } });
			expect(replies[3]).toMatchObject({ error: { message: 'Internal Error, noted' } });
		}
	},
	{
		name: 'a hook of the app refuses an upgrade',
		async holds({ server }) {
			const socket = open(server, 'nobody').on('error', () => {});
			const [, answer] = (await once(socket, 'unexpected-response')) as [
				unknown,
				{ statusCode: number }
			];

			expect(answer.statusCode, server.output()).toBe(403);
		}
	},
	{
		name: 'a form is taken, with each cookie set by itself, and its redirect followed',
		async holds({ server }) {
			const post = (action: string, name: string): Promise<Response> =>
				fetch(`${server.url}/form?/${action}`, {
					method: 'POST',
					redirect: 'manual',
					headers: { origin: server.url, accept: 'text/html' },
					body: new URLSearchParams({ name })
				});
			const [greeted, refused, left] = await Promise.all([
				post('greet', 'Zoë'),
				post('greet', ''),
				post('leave', '')
			]);

			expect(greeted.status, server.output()).toBe(200);
			expect(await greeted.text()).toContain('Hello Zoë');
			expect(greeted.headers.getSetCookie()).toHaveLength(2);
			expect(refused.status).toBe(422);
			expect(await refused.text()).toContain('Who are you?');
			expect([left.status, left.headers.get('location')]).toEqual([303, '/ready']);
		}
	},
	{
		name: 'a static file is served, and none outside',
		async holds({ server, mode }) {
			const file = await fetch(`${server.url}/note.txt`);
			const outside = await raw(
				portOf(server),
				request('/..%2f..%2fpackage.json', { Host: new URL(server.url).host })
			);

			expect(file.headers.get('content-type')).toMatch(/^text\/plain/);
			expect(await file.text()).toBe('a file that is served as it is\n');
			expect([outside.status, outside.text.includes('compat-kit')]).toEqual([404, false]);
			if (mode !== 'build') return;
			const etag = file.headers.get('etag') ?? '';
			const headers = { 'if-none-match': `"another", ${etag}` };
			expect((await fetch(`${server.url}/note.txt`, { headers })).status).toBe(304);
		}
	},
	{
		name: 'a page that was rendered beforehand is served',
		async holds({ server }) {
			const answer = await fetch(`${server.url}/ready`);

			expect(answer.status).toBe(200);
			expect(await answer.text()).toContain('<h1>Rendered beforehand</h1>');
		}
	},
	{
		name: 'what is missing and what breaks are the error page of the app',
		async holds({ server }) {
			const missing = await fetch(`${server.url}/nowhere`);
			const broken = await fetch(`${server.url}/broken`);

			expect(missing.status).toBe(404);
			expect(await missing.text()).toContain('<h1>404: Not Found, noted</h1>');
			expect(broken.status).toBe(500);
			expect(await broken.text()).toContain('<h1>500: Internal Error, noted</h1>');
		}
	},
	{
		name: 'an upload arrives whole, and the request says where it went',
		async holds({ server }) {
			const answer = await fetch(`${server.url}/upload?a=%C3%A9`, {
				method: 'PUT',
				headers: { origin: server.url, 'content-type': 'application/octet-stream' },
				body: new Uint8Array(400_000)
			});

			expect(await answer.json(), server.output()).toEqual({
				bytes: 400_000,
				type: 'application/octet-stream',
				at: `${server.url}/upload?a=%C3%A9`
			});
		}
	},
	{
		name: 'the head of a page is there before what the page waits for',
		async holds({ server }) {
			const connection = await RawConnection.open(portOf(server));
			connection.send(request('/later', { Host: new URL(server.url).host }));
			await connection.until((received) => received.includes('waiting'));
			expect(connection.received).not.toContain('settled');
			await fetch(`${server.url}/later/settle`, {
				method: 'POST',
				headers: { origin: server.url, 'content-type': 'text/x-note' },
				body: 'settled'
			});
			await connection.until((received) => received.includes('settled'));
			connection.socket.destroy();
		}
	}
];

/** What a visitor does, in a page whose scripts run. */
export async function inBrowser(browser: Browser, server: Running): Promise<void> {
	const context = await browser.newContext();
	await context.addCookies([{ name: 'name', value: 'Ada', url: server.url }]);
	const page = await context.newPage();
	page.setDefaultTimeout(20_000);
	const faults: string[] = [];
	page.on('pageerror', (error) => faults.push(String(error)));
	await page.goto(server.url);
	const notes = page.locator('li');
	const before = await notes.count();

	const other = await connect(server, 'Ada');
	const note = `note beside ${before}`;
	other.send({ type: 'rpc', id: 1, path: 'notes/add', args: [note] });
	await page.getByText(note).waitFor();
	await page.getByRole('button', { name: 'Add' }).click();
	await page.getByText('note of a page').first().waitFor();
	expect(await notes.count()).toBe(before + 2);
	other.socket.terminate();

	await page.getByRole('link', { name: 'A form' }).click();
	await page.locator('input').fill('Zoë');
	await page.getByRole('button', { name: 'Greet' }).click();
	await page.getByText('Hello Zoë').waitFor();
	expect(faults, server.output()).toEqual([]);
	await context.close();
}

/** Ends the server as an operator does: its socket is told to come back, and nothing is left running. */
export async function endsOnSigterm({ server, mode }: Subject): Promise<void> {
	const { socket } = await connect(server, 'Ada');
	const closed = once(socket, 'close');
	server.child.kill('SIGTERM');
	const [code] = (await closed) as [number];
	const ended = await server.ended;

	// Vite cuts the connections of its server, and says by its own code that a signal has ended it.
	if (mode === 'build') expect([code, ended], server.output()).toEqual([1012, 0]);
	else expect([0, 143], server.output()).toContain(ended);
}

/** Where the stream stood when the page was rendered. */
function positionIn(html: string): object {
	const [, epoch, seq] = /position:\{epoch:"([^"]+)",seq:(\d+)\}/.exec(html) ?? [];
	return { epoch, seq: Number(seq) };
}

function portOf({ url }: Running): number {
	return Number(new URL(url).port);
}

// --- the socket ---

interface Frame {
	readonly type: string;
	readonly id?: number;
	readonly data?: unknown;
}

interface Live {
	readonly socket: WebSocket;
	send(frame: object): void;
	/** The first frame that is so, whenever it comes. */
	until(isSo: (frame: Frame) => boolean): Promise<Frame>;
}

function open(server: Running, name: string): WebSocket {
	const headers = { cookie: `name=${name}` };
	return new WebSocket(`${server.url.replace('http', 'ws')}/ws`, { origin: server.url, headers });
}

async function connect(server: Running, name: string): Promise<Live> {
	const socket = open(server, name);
	const frames: Frame[] = [];
	const listeners = new Set<() => void>();
	socket.on('message', (text) => {
		frames.push(...[JSON.parse(String(text)) as Frame | Frame[]].flat());
		for (const listener of listeners) listener();
	});
	await once(socket, 'open');
	return {
		socket,
		send: (frame) => socket.send(JSON.stringify(frame)),
		until: (isSo) =>
			new Promise((resolve) => {
				const look = (): void => {
					const found = frames.find(isSo);
					if (!found) return;
					listeners.delete(look);
					resolve(found);
				};
				listeners.add(look);
				look();
			})
	};
}
