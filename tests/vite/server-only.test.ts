import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, createServer } from 'vite';
import { afterEach, expect, test } from 'vitest';
import { liveApp, type LiveApp } from './live-app.ts';

const BILLING = `
import { live } from 'svelte-realtime';
export const stripe = live.webhook('orders', { verify: () => ({}), transform: () => null });
export const nightly = live.cron('0 0 * * *', () => {});
export const avatar = live.rateLimit({ points: 5, window: 1000 }, live.binary(() => 'kept'));
`;

let app: LiveApp;
afterEach(() => app.close());

/** Builds a browser's entry; what it loads. */
async function built(main: string): Promise<string> {
	app = await liveApp({ 'src/live/billing.ts': BILLING, 'src/main.ts': main });
	const input = join(app.root, 'src/main.ts');
	await build(app.config({ build: { rolldownOptions: { input, external: /^svelte\// } } }));
	const dir = join(app.root, 'dist/assets');
	const texts = (await readdir(dir)).map((file) => readFile(join(dir, file), 'utf8'));
	return (await Promise.all(texts)).join('\n');
}

test.each([
	["import { stripe } from '$live/billing';\nconsole.log(stripe);", '+server.ts'],
	["import { stripe as pay } from '$live/billing';\nconsole.log(pay);", '+server.ts'],
	["export { stripe } from '$live/billing';", '+server.ts'],
	["import { nightly } from '$live/billing';\nconsole.log(nightly);", 'by itself']
])(
	'a page that imports what only the server has is an error with its place: %s',
	async (main, cure) => {
		const failure = await built(`// a page\n${main}`).catch((error: Error) => error);

		expect(String((failure as Error).message)).toContain('RT_LIVE_SERVER_ONLY');
		expect(String((failure as Error).message)).toContain(cure);
		expect(String((failure as Error).message)).toMatch(/src\/main\.ts:2:/);
	}
);

test('in dev the page gets the same error', async () => {
	const main = "import { stripe } from '$live/billing';\nconsole.log(stripe);";
	app = await liveApp({ 'src/live/billing.ts': BILLING, 'src/main.ts': main });
	const options = { middlewareMode: true, ws: false, fs: { strict: false } } as const;
	const server = await createServer(app.config({ server: options }));

	const failure = await server.environments.client
		.transformRequest('/src/main.ts')
		.catch((error: Error) => error);
	await server.close();

	expect(String((failure as Error).message)).toContain('RT_LIVE_SERVER_ONLY');
});

test('a page that uploads has the upload, wrapped or not, and nothing of the webhook', async () => {
	const code = await built(
		"import { avatar } from '$live/billing';\nvoid avatar(new Blob(), 'me');"
	);

	expect(code).toContain('billing/avatar');
	expect(code).toContain('binary:chunk');
	expect(code).not.toContain('stripe');
	expect(code).not.toContain('stream:snapshot');
});
