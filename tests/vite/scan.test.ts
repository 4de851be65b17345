import { join } from 'node:path';
import * as vite from 'vite';
import { afterEach, expect, test } from 'vitest';
import { createParser, type Parsers } from '../../vite/parser.ts';
import { createProject, type Project } from '../../vite/project.ts';
import { liveModules } from '../bench/live/many-modules.mjs';
import { liveApp, type LiveApp } from './live-app.ts';

let app: LiveApp;
afterEach(() => app.close());

/** A project, and the files that it has parsed since the last time it was asked. */
function counted(): { project: Project; parsed: () => string[] } {
	const files: string[] = [];
	const parse = createParser(vite as Parsers);
	const { root } = app;
	const kit = { base: '', hooks: join(root, 'src/hooks'), outDir: root, isAsync: false };
	const project = createProject({
		root,
		dir: 'src/live',
		typedImports: true,
		kit,
		parse: (code, file) => {
			files.push(file.slice(root.length + 1));
			return parse(code, file);
		}
	});
	return { project, parsed: () => files.splice(0) };
}

test('a save has one file parsed anew, a live module or what many of them share', async () => {
	const shared = "export { live } from 'svelte-realtime';\n";
	const sharing = "import { live } from './_shared.ts';\nexport const send = live(() => 1);\n";
	app = await liveApp({
		...Object.fromEntries(liveModules(50).map(({ path, code }) => [path, code])),
		'src/live/_shared.ts': shared,
		'src/live/sharing.ts': sharing,
		'src/live/too.ts': sharing,
		'src/hooks.ts': 'export const transport = {};\n'
	});
	const { project, parsed } = counted();

	expect((await project.read()).manifest.modules.size).toBe(52);
	const first = parsed();
	expect(first).toHaveLength(new Set(first).size);
	expect(first).toContain('src/live/_shared.ts');

	await project.read();
	expect(parsed()).toEqual([]);

	for (const [path, code] of [
		[
			'src/live/module7.ts',
			"import { live } from 'svelte-realtime';\nexport const a = live(() => 1);\n"
		],
		['src/live/_shared.ts', `// changed\n${shared}`],
		[
			'src/live/area0/_guard.ts',
			"import { guard } from 'svelte-realtime';\nexport const _guard = guard(() => true);\n"
		],
		['src/hooks.ts', 'export const reroute = 1;\n']
	] as const) {
		await app.write(path, code);
		await project.read();
		const again = parsed();
		expect(again).toEqual([path]);
	}
});

test('a module that was taken away and comes back is read again', async () => {
	const live = (name: string): string =>
		`import { live } from 'svelte-realtime';\nexport const ${name} = live(() => 1);\n`;
	app = await liveApp({ 'src/live/chat.ts': live('one') });
	const { project, parsed } = counted();
	await project.read();

	await app.remove('src/live/chat.ts');
	expect((await project.read()).manifest.modules.size).toBe(0);
	await app.write('src/live/chat.ts', live('two'));

	const { modules } = (await project.read()).manifest;
	expect(modules.get('chat')?.exports.map(({ name }) => name)).toEqual(['two']);
	expect(parsed()).toEqual(['src/live/chat.ts', 'src/live/chat.ts']);
});
