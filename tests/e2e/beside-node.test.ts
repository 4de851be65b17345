import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build, CACHE, ROOT } from './site.ts';
import { DIFFERS } from './beside/differs.ts';
import { hooks } from './beside/hooks.ts';
import { messages } from './beside/messages.ts';
import { pages } from './beside/pages.ts';
import { met, SERVERS, startBeside, type Beside } from './beside/server.ts';
import { streams } from './beside/streams.ts';

/** The folder of the fixture, built for one adapter. */
async function built(adapter: 'node' | 'ours'): Promise<string> {
	const folder = join(CACHE, 'e2e', `beside-${adapter}`);
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(join(CACHE, 'e2e'), { recursive: true });
	cpSync(join(ROOT, 'tests/fixtures/beside'), folder, {
		recursive: true,
		filter: (file) => !['.svelte-kit', 'build'].includes(basename(file))
	});
	await build(folder, { ADAPTER: adapter });
	return folder;
}

const folders = { node: '', ours: '' };

beforeAll(async () => {
	[folders.node, folders.ours] = await Promise.all([built('node'), built('ours')]);
});

describe.each(SERVERS)('%s', (name) => {
	let server: Beside;
	beforeAll(async () => {
		server = await startBeside(name, name === 'adapter-node' ? folders.node : folders.ours);
	});
	afterAll(() => server?.stop());

	pages(() => server);
	messages(() => server);
	streams(() => server);
	hooks(() => server);
});

test('every difference that is listed is one', () => {
	const listed = Object.entries(DIFFERS).flatMap(([claim, { theirs, uws }]) => [
		...(theirs === undefined ? [] : [`${claim}: adapter-node`]),
		...(uws === undefined ? [] : [`${claim}: uws`])
	]);

	expect([...met].sort()).toEqual(listed.sort());
});
