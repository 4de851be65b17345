/** Instrumentation before everything, and hooks that fail. */

import { expect, test } from 'vitest';
import { answerOn, statusOf, type Beside } from './server.ts';

export function hooks(server: () => Beside): void {
	test('instrumentation.server.ts runs before any module of the app', async () => {
		expect((await server().control()).order).toEqual(['instrumentation', 'app', 'hooks']);
	});

	test('SvelteKit traces with what instrumentation.server.ts has set up', async () => {
		const before = (await server().control()).spans.length;
		await server().get('/');
		const { spans } = await server().control();

		expect(spans.slice(before)).toEqual([
			'sveltekit.handle.root',
			'sveltekit.resolve',
			'sveltekit.load',
			'sveltekit.handle.root',
			'sveltekit.resolve'
		]);
	});

	test.each(['handle', 'nothing', 'transformPageChunk'])(
		'where %s fails its request is 500, and the next is answered',
		async (failing) => {
			const answer = await server().get('/', { 'X-Fail': failing, Accept: 'text/html' });
			const next = await server().get('/answers?of=text');

			expect([answer.status, next.text]).toEqual([500, 'plain']);
			expect(answer.text).not.toContain('has failed');
		}
	);

	// The last one, as it ends a server that does not stand it.
	test('a handleError that throws costs its own request alone', async () => {
		const failed = await answerOn(await server().open('GET', '/', { 'X-Fail': 'handleError' }));

		expect(statusOf(failed)).toBe(server().expected('handleError throws', 500));
		if (server().isOurs) expect((await server().get('/answers?of=text')).text).toBe('plain');
	});
}
