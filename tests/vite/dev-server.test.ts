import { once } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { devApp, type DevApp, type HotMessage } from './dev-app.ts';
import type { LiveApp } from './live-app.ts';

const chat = (answer: string): string => `import { live } from 'svelte-realtime';
import { suffix } from '../suffix.ts';
export const send = live(async (_ctx, text: string) => text + ' ${answer}' + suffix);
`;

let dev: DevApp;
let app: LiveApp;

beforeEach(async () => {
	dev = await devApp({
		'src/suffix.ts': "export const suffix = '!';\n",
		'src/live/chat.ts': chat('one')
	});
	({ app } = dev);
});

afterEach(() => dev.close());

const serve = (): Promise<void> => dev.serve();
const host = (): string => dev.host();
const open = (path?: string, origin?: string): WebSocket => dev.open(path, origin);
const connect = (): Promise<WebSocket> => dev.connect();
const listen = (): Promise<HotMessage[]> => dev.listen();
const call: DevApp['call'] = (...args) => dev.call(...args);

async function refusalOf(socket: WebSocket): Promise<number> {
	// The refused socket is ended with the others, and says then that it was never open.
	socket.on('error', () => {});
	const [, response] = (await once(socket, 'unexpected-response')) as [
		unknown,
		{ statusCode: number }
	];
	return response.statusCode;
}

/** What changes something on a page: an update of nothing only takes the overlay away. */
function changes(heard: readonly HotMessage[]): readonly HotMessage[] {
	const quiet = ['connected', 'ping', 'pong', 'error'];
	return heard.filter(({ type, updates }) => !quiet.includes(type) && updates?.length !== 0);
}

test('a live function answers on the HTTP server of Vite', async () => {
	await serve();

	const socket = await connect();

	expect(await call(socket, 'chat/send', 'hi')).toBe('hi one!');
});

test('a page of another origin is refused', async () => {
	await serve();

	expect(await refusalOf(open('/ws', 'http://evil.example'))).toBe(403);
});

test('a saved body changes the answer of open connections, and reloads no page', async () => {
	await serve();
	const socket = await connect();
	const heard = await listen();
	await fetch(`http://${host()}/@id/__x00__virtual:svelte-realtime/live/chat`);

	await app.write('src/live/chat.ts', chat('two'));

	await vi.waitFor(
		async () => expect(await call(socket, 'chat/send', 'hi')).toBe('hi two!'),
		10_000
	);
	expect(changes(heard)).toEqual([]);
});

test('a saved module that live modules import changes their answers too', async () => {
	await serve();
	const socket = await connect();

	await app.write('src/suffix.ts', "export const suffix = '?';\n");

	await vi.waitFor(
		async () => expect(await call(socket, 'chat/send', 'hi')).toBe('hi one?'),
		10_000
	);
});

test('a syntax error keeps the old handlers and shows the overlay, until it is mended', async () => {
	await serve();
	const socket = await connect();
	const heard = await listen();

	await app.write('src/live/chat.ts', `${chat('two')}export const broken = live(;\n`);
	await vi.waitFor(() => expect(heard.at(-1)?.type).toBe('error'), 10_000);

	expect(heard.at(-1)?.err).toMatchObject({ loc: { line: 4 } });
	expect(await call(socket, 'chat/send', 'hi')).toBe('hi one!');

	await app.write('src/live/chat.ts', chat('three'));
	await vi.waitFor(() => expect(heard.at(-1)).toEqual({ type: 'update', updates: [] }), 10_000);

	expect(await call(socket, 'chat/send', 'hi')).toBe('hi three!');
	expect(changes(heard)).toEqual([]);
});

test('a module that throws while it is loaded keeps the old handlers and shows the overlay', async () => {
	await serve();
	const socket = await connect();
	const heard = await listen();

	await app.write('src/live/chat.ts', `${chat('two')}throw new Error('no database');\n`);
	await vi.waitFor(() => expect(heard.at(-1)?.type).toBe('error'), 10_000);

	expect(heard.at(-1)?.err?.message).toBe('no database');
	expect(await call(socket, 'chat/send', 'hi')).toBe('hi one!');
});

test('a new export reaches the stub, and the pages that use it are told', async () => {
	await serve();
	const stub = `http://${host()}/@id/__x00__virtual:svelte-realtime/live/chat`;
	expect(await (await fetch(stub)).text()).not.toContain('chat/more');
	const heard = await listen();

	await app.write(
		'src/live/chat.ts',
		`${chat('one')}export const more = live(async () => 'more');\n`
	);
	await vi.waitFor(() => expect(changes(heard)).not.toEqual([]), 10_000);

	expect(await (await fetch(stub)).text()).toContain('chat/more');
	expect(await call(await connect(), 'chat/more')).toBe('more');
});

test('modules come and go with their files', async () => {
	await serve();
	const socket = await connect();
	expect(await call(socket, 'late/send', 'hi')).toBe('NOT_FOUND');

	await app.write('src/live/late.ts', chat('late').replaceAll('../suffix.ts', '/src/suffix.ts'));
	await vi.waitFor(
		async () => expect(await call(socket, 'late/send', 'hi')).toBe('hi late!'),
		10_000
	);

	await app.remove('src/live/late.ts');
	await vi.waitFor(
		async () => expect(await call(socket, 'late/send', 'hi')).toBe('NOT_FOUND'),
		10_000
	);
});

const guard = (answer: boolean): string =>
	`import { guard } from 'svelte-realtime';\nexport const _guard = guard(() => ${answer});\n`;

test('the guard of a folder comes and goes with its file, and a saved one counts at once', async () => {
	await serve();
	const socket = await connect();
	const answers = (answer: string): Promise<void> =>
		vi.waitFor(async () => expect(await call(socket, 'chat/send', 'hi')).toBe(answer), 10_000);

	await app.write('src/live/_guard.ts', guard(false));
	await answers('FORBIDDEN');
	await app.write('src/live/_guard.ts', guard(true));
	await answers('hi one!');
	await app.write('src/live/_guard.ts', guard(false));
	await answers('FORBIDDEN');
	await app.remove('src/live/_guard.ts');
	await answers('hi one!');
});

test('a guard that is broken by a save goes on as it was, and the overlay says what is wrong', async () => {
	await app.write('src/live/_guard.ts', guard(false));
	await serve();
	const socket = await connect();
	const heard = await listen();

	await app.write('src/live/_guard.ts', 'export const _guard = () => true;\n');
	await vi.waitFor(() => expect(heard.at(-1)?.type).toBe('error'), 10_000);

	expect(heard.at(-1)?.err).toMatchObject({
		message: expect.stringContaining('RT_GUARD_UNPROVEN') as string,
		loc: { line: 1 }
	});
	expect(await call(socket, 'chat/send', 'hi')).toBe('FORBIDDEN');
});

test('a changed config starts the app anew, and connections are told to come back', async () => {
	const config = (text: string): string => `import { defineConfig } from 'svelte-realtime';
export default defineConfig({ origins: ${text} });
`;
	await app.write('realtime.config.ts', config("'same-origin'"));
	await serve();
	const socket = await connect();
	const closed = once(socket, 'close');

	await app.write('realtime.config.ts', config("['http://friend.example']"));

	expect((await closed)[0]).toBe(1012);
	await vi.waitFor(async () => {
		const friend = open('/ws', 'http://friend.example');
		friend.on('error', () => {});
		await Promise.race([once(friend, 'open'), once(friend, 'close').then(() => Promise.reject())]);
	}, 10_000);
});

test('a saved plugin of the config is replaced in the running app, and connections stay', async () => {
	const mood = (text: string): string => `import { definePlugin } from 'svelte-realtime';
export const mood = definePlugin({
	name: 'mood',
	provides: ['mood'],
	setup: (kernel) => kernel.provide('mood', '${text}')
});
`;
	await app.write('src/mood.ts', mood('calm'));
	await app.write(
		'realtime.config.ts',
		`import { defineConfig } from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { mood } from './src/mood.ts';
export default defineConfig({ preset: single({ replay: { size: 10 } }), plugins: [mood] });
`
	);
	await app.write(
		'src/live/mood.ts',
		"import { live } from 'svelte-realtime';\nexport const now = live((ctx) => ctx.mood);\n"
	);
	await serve();
	const socket = await connect();
	expect(await call(socket, 'mood/now')).toBe('calm');
	const heard = await listen();

	await app.write('src/mood.ts', `${mood('none')}throw new Error('no mood');\n`);
	await vi.waitFor(() => expect(heard.at(-1)?.err?.message).toBe('no mood'), 10_000);
	expect(await call(socket, 'mood/now')).toBe('calm');

	await app.write('src/mood.ts', mood('cheerful'));
	await vi.waitFor(async () => expect(await call(socket, 'mood/now')).toBe('cheerful'), 10_000);

	expect(socket.readyState).toBe(WebSocket.OPEN);
});

test('an app that cannot start refuses upgrades until it can', async () => {
	await app.write('src/live/chat.ts', `${chat('one')}throw new Error('no database');\n`);
	await serve();
	expect(await refusalOf(open())).toBe(503);
	const heard = await listen();

	await app.write('src/live/chat.ts', chat('one'));
	await vi.waitFor(() => expect(heard.at(-1)).toEqual({ type: 'update', updates: [] }), 10_000);

	expect(await call(await connect(), 'chat/send', 'hi')).toBe('hi one!');
});

test('server code is not served to a browser', async () => {
	await serve();

	const response = await fetch(`http://${host()}/src/live/chat.ts`);

	expect(response.status).toBe(500);
	expect(await response.text()).not.toContain('text +');
});

test('server rendering gets stubs, not the live functions', async () => {
	await app.write('src/page.ts', "export { send } from '$live/chat';\n");
	await serve();

	const page = (await dev.vite.ssrLoadModule('/src/page.ts')) as { send(): Promise<unknown> };

	await expect(page.send()).rejects.toMatchObject({ code: 'RT_STUB_SERVER_CALL' });
});
