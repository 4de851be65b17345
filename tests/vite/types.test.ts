import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { LIVE_TYPES, REGISTER_TYPES } from '../../vite/dts.ts';
import { hasStub } from '../../vite/kinds.ts';
import { typedApp, type TypedApp } from './typed-app.ts';

let app: TypedApp;
afterEach(() => app.close());

test('the written types compile under tsc --strict and are those of the live modules', async () => {
	app = await typedApp('typed');

	const { problems } = await app.project.read();

	expect(problems).toEqual([]);
	const written = [LIVE_TYPES, REGISTER_TYPES].map((name) => `src/live/${name}`);
	expect(app.complaints(['src/consumer.ts', ...written])).toEqual([]);
}, 120_000);

test('sixty exports, of every kind, are to a page what they are there, and nothing else is', async () => {
	app = await typedApp('kinds');

	const { manifest, problems } = await app.project.read();

	expect(problems).toEqual([]);
	const exports = [...manifest.modules.values()].flatMap((module) => module.exports);
	expect(exports.length).toBeGreaterThanOrEqual(60);
	expect(exports.filter((entry) => !hasStub(entry)).length).toBeGreaterThanOrEqual(5);
	expect(app.complaints(['src/use.ts', `src/live/${LIVE_TYPES}`])).toEqual([]);
}, 120_000);

test('the type files are written only when they change', async () => {
	app = await typedApp('typed');
	await app.project.read();
	const live = join(app.root, 'src/live', LIVE_TYPES);
	const before = await stat(live);
	await rm(join(app.root, 'realtime.config.ts'));

	await app.project.read();

	expect((await stat(live)).mtimeMs).toBe(before.mtimeMs);
	const register = await readFile(join(app.root, 'src/live', REGISTER_TYPES), 'utf8');
	expect(register).not.toContain('config:');
});
