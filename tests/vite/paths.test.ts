import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path, { dirname, join } from 'node:path';
import * as vite from 'vite';
import { afterEach, describe, expect, test } from 'vitest';
import { createLinks } from '../../vite/links.ts';
import { createManifest } from '../../vite/manifest.ts';
import { createParser, type Parsers } from '../../vite/parser.ts';
import { createPaths } from '../../vite/paths.ts';

const windows = createPaths(path.win32);
const posix = createPaths(path.posix);

describe('on Windows', () => {
	test('a file has one name, however it is written', () => {
		const names = [
			'C:\\app\\src\\live\\chat.ts',
			'c:/app/src/live/chat.ts',
			'C:\\app/src\\x\\..\\live\\chat.ts'
		];

		expect(names.map((name) => windows.normal(name))).toEqual(
			names.map(() => 'C:/app/src/live/chat.ts')
		);
	});

	test('what lies in a folder is known by any of these names, and a namesake is not', () => {
		const dir = 'C:\\app\\src\\live';

		expect(windows.isWithin(dir, 'c:\\app\\src\\live\\a\\b.ts')).toBe(true);
		expect(windows.isWithin(dir, 'C:/app/src/live/chat.ts')).toBe(true);
		expect(windows.isWithin(dir, 'C:/app/src/lively/chat.ts')).toBe(false);
		expect(windows.isWithin(dir, 'D:/app/src/live/chat.ts')).toBe(false);
		expect(windows.isWithin(dir, dir)).toBe(false);
	});

	test('imports in what is generated have forward slashes, and reach another drive', () => {
		const dir = 'c:/app/src/live';

		expect(windows.specifier(dir, 'C:\\app\\src\\live\\admin\\users.ts')).toBe('./admin/users.js');
		expect(windows.specifier(dir, 'C:\\app\\realtime.config.ts')).toBe('../../realtime.config.js');
		expect(windows.specifier(dir, 'D:\\packages\\live\\chat.ts')).toBe('D:/packages/live/chat.js');
		expect(windows.relative(dir, 'C:\\app\\src\\live\\my app\\[x] ü.js')).toBe('my app/[x] ü.js');
	});

	test('the folder of an option is found from the root of the app', () => {
		const root = 'c:\\code\\apps\\site';

		expect(windows.resolve(root, 'src/live')).toBe('C:/code/apps/site/src/live');
		expect(windows.resolve(root, '..\\..\\packages\\api\\live')).toBe('C:/code/packages/api/live');
		expect(windows.resolve(root, 'D:\\live')).toBe('D:/live');
	});
});

test('elsewhere a backslash is a letter, and names may have spaces, brackets and any script', () => {
	expect(posix.normal('/app/a\\b.ts')).toBe('/app/a\\b.ts');
	const dir = '/my app/[x] ünï/(live)';
	expect(posix.isWithin(dir, `${dir}/chat.ts`)).toBe(true);
	expect(posix.specifier(dir, '/my app/[x] ünï/realtime.config.ts')).toBe('../realtime.config.js');
	expect(posix.resolve('/apps/site', '../../packages/api/live')).toBe('/packages/api/live');
	expect(posix.isWithin('/', '/chat.ts')).toBe(true);
});

const made: string[] = [];
afterEach(async () => {
	for (const root of made.splice(0)) await rm(root, { recursive: true });
});

async function folder(files: Record<string, string>): Promise<string> {
	const root = await realpath(await mkdtemp(join(tmpdir(), 'paths [x] ü-')));
	made.push(root);
	for (const [name, text] of Object.entries(files)) {
		await mkdir(dirname(join(root, name)), { recursive: true });
		await writeFile(join(root, name), text);
	}
	return root;
}

test('a file behind links has the name that the app gives it, and the one that Vite knows', async () => {
	const root = await folder({ 'real/src/chat.ts': '', 'shared/live/a.ts': '', 'one.ts': '' });
	await symlink(join(root, 'real'), join(root, 'app'), 'dir');
	await symlink(join(root, 'shared/live'), join(root, 'real/src/live'), 'dir');
	await symlink(join(root, 'one.ts'), join(root, 'real/src/two.ts'));
	const links = createLinks();
	const app = join(root, 'app');
	for (const place of ['', 'src/live', 'src/two.ts', 'src/nowhere']) links.add(join(app, place));

	const pairs = [
		['src/chat.ts', 'real/src/chat.ts'],
		['src/live/a.ts', 'shared/live/a.ts'],
		['src/live/gone/b.ts', 'shared/live/gone/b.ts'],
		['src/two.ts', 'one.ts']
	];
	for (const [name, real] of pairs) {
		expect(links.named(join(root, real!))).toBe(join(app, name!));
		expect(links.named(join(app, name!))).toBe(join(app, name!));
		expect(links.real(join(app, name!))).toBe(join(root, real!));
		expect(links.real(join(root, real!))).toBe(join(root, real!));
	}
	expect(links.named(join(root, 'shared/other.ts'))).toBe(join(root, 'shared/other.ts'));

	await rm(join(root, 'real/src/two.ts'));
	links.add(join(app, 'src/two.ts'));
	expect(links.named(join(root, 'one.ts'))).toBe(join(root, 'one.ts'));
});

test('folders and files that are links are live modules; one that leads nowhere is told', async () => {
	const live = "import { live } from 'svelte-realtime';\nexport const send = live(() => 1);\n";
	const root = await folder({ 'shared/deep/users.ts': live, 'one.ts': live, 'live/own.ts': live });
	await symlink(join(root, 'shared'), join(root, 'live/admin'), 'dir');
	await symlink(join(root, 'one.ts'), join(root, 'live/linked.ts'));
	const parse = createParser(vite as Parsers);

	const { modules, links, problems } = await createManifest(join(root, 'live'), { parse });

	expect(problems).toEqual([]);
	expect([...modules.keys()]).toEqual(['admin/deep/users', 'linked', 'own']);
	expect(links).toEqual(['admin', 'linked.ts'].map((name) => join(root, 'live', name)));

	await symlink(join(root, 'nowhere.ts'), join(root, 'live/broken.ts'));
	const broken = await createManifest(join(root, 'live'), { parse });
	expect(broken.problems.map(({ code, id }) => [code, id])).toEqual([
		['RT_LIVE_FILE_GONE', join(root, 'live/broken.ts')]
	]);
});
