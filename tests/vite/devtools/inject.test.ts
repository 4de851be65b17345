import { readdir, readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build, createServer, type InlineConfig, type ViteDevServer } from 'vite';
import { afterEach, expect, test } from 'vitest';
import type { RealtimeOptions } from '../../../vite/index.ts';
import { liveApp, type LiveApp } from '../live-app.ts';

const CLIENT = 'virtual:svelte-realtime/client';
const FILES = {
	'src/live/chat.ts': `import { live } from 'svelte-realtime';
export const send = live(async (_ctx, text: string) => text);
export const messages = live.stream('messages', async () => [] as string[]);
`,
	'src/main.ts': "import { messages, send } from '$live/chat';\nconsole.log(send, messages);\n",
	'src/hooks.ts': `import { liveTransport } from 'svelte-realtime/client';
export const transport = { ...liveTransport };
`
};

let app: LiveApp;
let vite: ViteDevServer | undefined;
afterEach(async () => {
	await vite?.close();
	vite = undefined;
	await app.close();
});

async function serve(options?: RealtimeOptions, more?: InlineConfig): Promise<ViteDevServer> {
	app = await liveApp(FILES);
	const server = { port: 0, host: '127.0.0.1', watch: null };
	vite = await createServer(app.config({ server, ...more }, options));
	return vite;
}

/** What the browser gets of a module. */
async function code(id: string, environment: 'client' | 'ssr' = 'client'): Promise<string> {
	return (await vite!.environments[environment].transformRequest(id))?.code ?? '';
}

/** Everything that a production build makes, for the browser. */
async function builtWith(devtools: boolean): Promise<string> {
	app = await liveApp(FILES);
	const input = [join(app.root, 'src/main.ts'), join(app.root, 'src/hooks.ts')];
	await build(app.config({ build: { rolldownOptions: { input } } }, { devtools }));
	const dir = join(app.root, 'dist');
	const entries = await readdir(dir, { recursive: true, withFileTypes: true });
	const files = entries
		.filter((entry) => entry.isFile())
		.map(({ parentPath, name }) => join(parentPath, name));
	const texts = await Promise.all(files.sort().map((file) => readFile(file, 'utf8')));
	await app.close();
	return texts.join('\n');
}

test('a page of the dev server starts the overlay before its client is used, without any code of the app', async () => {
	await serve();

	const client = await code(CLIENT);

	expect(client).toMatch(
		/import \{ startDevtools as __devtools \} from "[^"]*vite\/devtools\/index\.ts"/
	);
	expect(client).toContain('__devtools({"describe":"/@svelte-realtime/describe"})');
});

test('options of the overlay, and the base of the app, reach the page', async () => {
	await serve({ devtools: { key: 'alt+d', button: false } }, { base: '/shop/' });

	expect(await code(CLIENT)).toContain(
		'__devtools({"key":"alt+d","button":false,"describe":"/shop/@svelte-realtime/describe"})'
	);
});

test('a page that receives a stream by the transport hook alone has the overlay as well', async () => {
	await serve();

	// Vite serves what a module imports that it has served.
	await code(CLIENT);

	expect(await code('/src/hooks.ts')).toContain('__devtools({');
});

test('the server side of a page has nothing of it', async () => {
	await serve();

	expect(await code('/src/main.ts', 'ssr')).not.toContain('devtools');
	expect(await code(CLIENT, 'ssr')).not.toContain('devtools');
});

test('with devtools: false nothing of it is in any page, and the dev server describes nothing', async () => {
	await serve({ devtools: false });
	await vite!.listen();
	const { port } = vite!.httpServer!.address() as AddressInfo;

	expect(await code(CLIENT)).not.toContain('devtools');
	expect(await code('/src/hooks.ts')).not.toContain('devtools');
	const response = await fetch(`http://127.0.0.1:${port}/@svelte-realtime/describe`);
	expect(response.status).toBe(404);
});

test('the dev server says which plugins run, in their order, below the base as well', async () => {
	await serve({}, { base: '/shop/' });
	await vite!.listen();
	const { port } = vite!.httpServer!.address() as AddressInfo;
	// The first request waits until the app has started.
	await fetch(`http://127.0.0.1:${port}/shop/`);

	const response = await fetch(`http://127.0.0.1:${port}/shop/@svelte-realtime/describe`);

	expect(response.status).toBe(200);
	expect(response.headers.get('content-type')).toContain('text/plain');
	expect(await response.text()).toMatch(/^rpc \(\d+ ms\): provides rpc[\s\S]*^ {2}message: /m);
});

test('a production build is the same, byte for byte, with the overlay and without it', async () => {
	const on = await builtWith(true);

	expect(on).toBe(await builtWith(false));
	expect(on).toContain('chat/send');
	for (const trace of ['devtools', 'Devtools', '@svelte-realtime/describe', 'adoptedStyleSheets']) {
		expect(on).not.toContain(trace);
	}
});
