import {
	cpSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { selectTransport } from '../../adapter/transports/select.ts';

const require = createRequire(import.meta.url);
const INSTALLED = dirname(dirname(require.resolve('uWebSockets.js')));
const binary = (abi: string): string =>
	join(INSTALLED, `binaries/uws_${process.platform}_${process.arch}_${abi}.node`);
const NATIVE = readFileSync(binary(process.versions.modules));

const folder = mkdtempSync(join(tmpdir(), 'realtime-addon-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
const log = vi.spyOn(console, 'log').mockImplementation(() => {});
afterEach(() => void [warn.mockClear(), log.mockClear()]);

/** An app with a package of that name, as it might be installed; loads it as the server does. */
function installed(name: string, fill: (path: string) => void): () => unknown {
	const path = join(folder, name, 'node_modules/uWebSockets.js');
	mkdirSync(path, { recursive: true });
	fill(path);
	return () => createRequire(join(folder, name, 'app.js'))('uWebSockets.js');
}

/** A package whose addon is that file. */
function addon(name: string, content: Buffer | string): () => unknown {
	return installed(name, (path) => {
		writeFileSync(join(path, 'index.js'), `module.exports = require('./uws.node');`);
		writeFileSync(join(path, 'uws.node'), content);
	});
}

/** The addon, asking for a version of the C library that there is not. */
function newerLibrary(): Buffer {
	const [had, asks] = ['GLIBC_2.14', 'GLIBC_9.14'];
	const changed = replaced(NATIVE, Buffer.from(`\0${had}\0`), Buffer.from(`\0${asks}\0`));
	return replaced(changed, elfHash(had), elfHash(asks));
}

/** The hash by which the loader finds a version, as it stands in the file. */
function elfHash(name: string): Buffer {
	let hash = 0;
	for (const byte of Buffer.from(name)) {
		hash = (hash << 4) + byte;
		hash = (hash ^ ((hash >>> 24) & 0xf0)) & 0x0fffffff;
	}
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32LE(hash);
	return bytes;
}

function replaced(file: Buffer, from: Buffer, to: Buffer): Buffer {
	const changed = Buffer.from(file);
	const at = changed.indexOf(from);
	if (at === -1) throw new Error(`The addon does not contain ${from.toString()}.`);
	to.copy(changed, at);
	return changed;
}

/** The package that is a copy of the installed one, without the addon of this Node. */
const emulation = installed('emulation', (path) => {
	for (const part of ['package.json', 'src'])
		cpSync(join(INSTALLED, part), join(path, part), { recursive: true });
	for (const part of ['dist', 'node_modules']) symlinkSync(join(INSTALLED, part), join(path, part));
});
const otherNode = (): never => {
	throw new Error(
		"The module '/app/uws.node'\nwas compiled against a different Node.js version using\nNODE_MODULE_VERSION 108. This version of Node.js requires\nNODE_MODULE_VERSION 115."
	);
};

const BROKEN: readonly [string, () => unknown, string | RegExp][] = [
	[
		'is absent',
		() => createRequire(join(folder, 'app.js'))('uWebSockets.js'),
		'it is not installed'
	],
	[
		'is no addon',
		addon('text', 'this is a text\n'),
		/it does not load: .*(file too short|invalid ELF)/
	],
	[
		'is for another Node, and does not say so',
		addon('abi', readFileSync(binary(process.versions.modules === '108' ? '115' : '108'))),
		/it does not load: Module did not self-register/
	],
	[
		'is for another Node',
		otherNode,
		/it does not load: .*NODE_MODULE_VERSION 108\. This .* requires NODE_MODULE_VERSION 115/
	],
	[
		'needs a newer C library',
		addon('newer', newerLibrary()),
		/it does not load: .*version `GLIBC_9\.14' not found/
	],
	[
		'needs another C library',
		addon('musl', replaced(NATIVE, Buffer.from('libm.so.6'), Buffer.from('muslc.so1'))),
		/it does not load: .*muslc\.so1/
	],
	[
		'emulates itself',
		emulation,
		/does not load here \(Error: Cannot find module .*\.node'\), and it emulates itself in JavaScript/
	],
	['is something else', () => ({}), 'the module has no `App`']
];

test('the native addon is taken where it runs, without a word', async () => {
	expect((await selectTransport(undefined)).name).toBe('uws');
	expect([warn.mock.calls, log.mock.calls]).toEqual([[], []]);
});

describe.each(BROKEN)('where uWebSockets.js %s', (_, load, reason) => {
	const has =
		typeof reason === 'string' ? expect.stringContaining(reason) : expect.stringMatching(reason);

	test('Node serves, and one message in one line says why and what to do', async () => {
		const first = await selectTransport(undefined, { load });
		await selectTransport(undefined, { load });

		expect(first).toEqual({ name: 'node', reason: has });
		expect(log).not.toHaveBeenCalled();
		expect(warn.mock.calls).toEqual([[has]]);
		expect(warn.mock.calls[0]![0]).toMatch(/^\[svelte-realtime\] .* Install a release .*$/);
	});

	test('asking for uws is an error with the reason', async () => {
		const failed = selectTransport('uws', { load });

		await expect(failed).rejects.toMatchObject({ code: 'RT_TRANSPORT_UNAVAILABLE', message: has });
	});

	test('asking for node is not told of it', async () => {
		expect(await selectTransport('node', { load })).toEqual({ name: 'node' });
		expect(warn).not.toHaveBeenCalled();
	});
});

test('what only Node can do has Node selected, with a message, or is an error', async () => {
	const obstacle = 'it cannot do this';

	expect(await selectTransport(undefined, { obstacle })).toEqual({
		name: 'node',
		reason: obstacle
	});
	expect(warn.mock.calls).toEqual([[expect.stringMatching(/it cannot do this\.$/)]]);
	await expect(selectTransport('uws', { obstacle })).rejects.toMatchObject({
		code: 'RT_TRANSPORT_UNAVAILABLE'
	});
});

test('of several processes one says it', async () => {
	await selectTransport(undefined, { obstacle: 'another reason', isQuiet: true });

	expect(warn).not.toHaveBeenCalled();
});
