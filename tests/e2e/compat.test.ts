import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasNewCLibrary, withNewCLibrary } from '../servers/c-library.ts';
import { findNode } from '../servers/node-binary.ts';
import { launchBrowser } from './browser.ts';
import { CLAIMS, endsOnSigterm, inBrowser, type Mode } from './compat-claims.ts';
import {
	buildOn,
	COMPAT,
	installKit,
	isKit3,
	placeApp,
	type InstalledKit,
	type Kit
} from './kits.ts';
import { freePort, run, stop, type Running } from './site.ts';

/** One way to run the app. */
interface Cell {
	readonly kit: Kit;
	readonly mode: Mode;
	/** What the config of the app asks for; `vite dev` and `vite preview` have a server of their own. */
	readonly transport: 'uws' | 'node' | undefined;
	/** The Node.js that runs it: the one of the tests where it is not said. */
	readonly node?: 22 | 24;
}

/** The corners: each end of what is supported, in each mode. */
const CORNERS: readonly Cell[] = [
	{ kit: 'kit-2.60', mode: 'build', transport: 'uws' },
	{ kit: 'kit-2.60', mode: 'dev', transport: 'uws' },
	{ kit: 'kit-2.60', mode: 'preview', transport: 'node' },
	{ kit: 'kit-3', mode: 'build', transport: 'uws', node: 24 },
	{ kit: 'kit-3', mode: 'build', transport: undefined, node: 22 },
	{ kit: 'kit-3', mode: 'dev', transport: 'node', node: 24 },
	{ kit: 'kit-3', mode: 'preview', transport: 'uws', node: 24 }
];

const KITS: readonly Kit[] = ['kit-2.60', 'kit-2.70', 'kit-3.0', 'kit-3'];

/** What lies between, in the long run. */
const REST: readonly Cell[] = [
	...KITS.flatMap((kit) =>
		(['build', 'dev', 'preview'] as const).flatMap((mode) =>
			(['uws', 'node'] as const).map((transport) => ({
				kit,
				mode,
				transport,
				...(isKit3(kit) && { node: kit === 'kit-3' ? (24 as const) : (22 as const) })
			}))
		)
	),
	{ kit: 'kit-2.60', mode: 'build', transport: 'node', node: 24 },
	{ kit: 'kit-2.70', mode: 'build', transport: 'node', node: 22 },
	{ kit: 'kit-3', mode: 'build', transport: 'uws', node: 22 },
	{ kit: 'kit-3', mode: 'dev', transport: 'node', node: 22 }
];

const titleOf = ({ kit, mode, transport, node }: Cell): string =>
	`${kit}, ${mode}, ${transport ?? 'whatever runs'}, Node ${node ?? 'of the tests'}`;

const CELLS = process.env['TEST_LONG']
	? [...new Map([...CORNERS, ...REST].map((cell) => [titleOf(cell), cell])).values()]
	: CORNERS;

let browser: Browser;
/** Each SvelteKit with the built app. */
const apps = new Map<Kit, { installed: InstalledKit; folder: string }>();

beforeAll(async () => {
	const kits = [...new Set(CELLS.map(({ kit }) => kit))];
	const all = await Promise.all([launchBrowser(), withNewCLibrary(), ...kits.map(prepare)]);
	browser = all[0];
}, 300_000);
afterAll(() => browser?.close());

async function prepare(kit: Kit): Promise<void> {
	const installed = await installKit(kit);
	const folder = await placeApp(installed, 'compat', join(COMPAT, 'app'), join(COMPAT, kit));
	await buildOn(installed, folder);
	apps.set(kit, { installed, folder });
}

async function start({ kit, mode, transport, node }: Cell): Promise<Running> {
	const { installed, folder } = apps.get(kit)!;
	const program = node ? await findNode(node) : process.execPath;
	const variables = { ...(transport && { TRANSPORT: transport }) };
	if (mode === 'build') {
		const loader = isKit3(kit) && transport === 'uws' ? await withNewCLibrary() : [];
		const address = { HOST: '127.0.0.1', PORT: '0', NODE_ENV: 'production' };
		const command = [...loader, program, 'build'];
		return run(command, folder, { ...address, ...variables }, /Listening on (http:\S+)/);
	}
	const port = String(await freePort());
	const flags = ['--host', '127.0.0.1', '--port', port, '--strictPort'];
	const command = [program, installed.vite, mode, ...flags];
	// Vite says where it listens without waiting for the app.
	const slow = { START_DELAY: '500', ...variables };
	return run(command, folder, slow, /Local:\s+(http:\S+)/);
}

describe.each(CELLS.map((cell) => ({ title: titleOf(cell), cell })))('$title', ({ cell }) => {
	let server: Running;
	beforeAll(async () => {
		server = await start(cell);
	});
	afterAll(async () => {
		if (server) await stop(server);
	});

	if (cell.mode === 'build') {
		test('it runs on what it is to run on, and says why', () => {
			const { transport, kit } = cell;
			const fallsBack = !transport && isKit3(kit) && !hasNewCLibrary;

			expect(server.output()).toContain(`(${transport ?? (fallsBack ? 'node' : 'uws')})`);
			expect(server.output().includes('Running on the slower Node transport')).toBe(fallsBack);
		});

		test("its build has what is faster than SvelteKit's own: the hash of pages, and their answer", async () => {
			const chunks = join(apps.get(cell.kit)!.folder, 'build/server/chunks');
			const files = (await readdir(chunks)).filter((file) => file.endsWith('.js'));
			const all = await Promise.all(files.map((file) => readFile(join(chunks, file), 'utf8')));

			expect(all.filter((code) => code.includes(' = hashOfUnits('))).toHaveLength(1);
			expect(all.join('')).not.toContain('.charCodeAt(--i);');
			expect(all.filter((code) => code.includes('return responseOfBytes('))).toHaveLength(1);
		});
	}

	for (const { name, holds } of CLAIMS) {
		test(name, () => holds({ server, mode: cell.mode }));
	}

	test('a visitor sees what others do, adds to it, and fills in a form', () =>
		inBrowser(browser, server));

	test('SIGTERM ends it, and sends its sockets to another', () =>
		endsOnSigterm({ server, mode: cell.mode }));
});
