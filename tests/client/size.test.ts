import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown, type OutputChunk } from 'rolldown';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Bundles a page as Vite does, Svelte left out since every page has it, into minified chunks. */
async function chunks(source: string): Promise<OutputChunk[]> {
	const bundle = await rolldown({
		input: 'page',
		external: /^svelte\//,
		platform: 'browser',
		resolve: { conditionNames: ['source', 'browser', 'import', 'default'] },
		plugins: [
			{
				name: 'page',
				resolveId: (id) => (id === 'page' ? `${root}/tests/client/page.js` : null),
				load: (id) => (id.endsWith('/tests/client/page.js') ? source : null)
			}
		]
	});
	const { output } = await bundle.generate({ format: 'esm', minify: true });
	return output.filter((file) => file.type === 'chunk');
}

/** Bytes of the chunks, each compressed by itself as a server sends it. */
function gzipped(files: readonly OutputChunk[]): number {
	return files.reduce((sum, file) => sum + gzipSync(file.code, { level: 9 }).byteLength, 0);
}

const PAGE = `
	import { setup, __rpc, __stream } from 'svelte-realtime/client';
	setup({ path: '/ws' });
	export const send = /* @__PURE__ */ __rpc('chat/send');
	export const messages = /* @__PURE__ */ __stream('chat/messages');
`;

test('a page with one call and one stream gains at most 7 kB, and 11 kB with devalue', async () => {
	const files = await chunks(PAGE);
	const atOnce = files.filter((file) => file.isEntry || !file.isDynamicEntry);
	// The other chunks are those of options, which only load where an app sets them.
	const devalue = files.filter((file) => file.isDynamicEntry && file.name === 'devalue');

	expect(devalue).toHaveLength(1);
	expect(gzipped(atOnce)).toBeLessThanOrEqual(7000);
	expect(gzipped([...atOnce, ...devalue])).toBeLessThanOrEqual(11_000);
});

test('a page with calls only carries nothing of streams, and no page the server or its sentences', async () => {
	const [calls] = await chunks(PAGE.replace(/.*__stream\('.*/, ''));
	const [page] = await chunks(PAGE);

	expect(page!.code).toContain('stream:snapshot');
	expect(calls!.code).not.toContain('stream:snapshot');
	for (const word of ['Sign in first', 'RT_CAPABILITY', 'createHooks', 'node:']) {
		expect(page!.code).not.toContain(word);
	}
});

test('a page that uses nothing of the client gains nothing', async () => {
	const [page] = await chunks(`
		import { connection, __rpc, __stream } from 'svelte-realtime/client';
		const send = /* @__PURE__ */ __rpc('chat/send');
		const messages = /* @__PURE__ */ __stream('chat/messages');
		export const mine = 1;
	`);

	expect(page!.code.length).toBeLessThan(200);
});

test('nothing of the page is touched when the client is loaded', async () => {
	const before = Object.getOwnPropertyNames(globalThis);
	await import('svelte-realtime/client');

	expect(Object.getOwnPropertyNames(globalThis)).toEqual(before);
	expect(await readFile(`${root}/plugins/client.ts`, 'utf8')).not.toMatch(/window|document/);
});
