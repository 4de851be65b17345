import { expect, test } from 'vitest';
import { cookies, startApp } from './app';

type Board = typeof import('../src/live/board');

test('visitors see each other, each other’s pointers and notes', async () => {
	await using app = await startApp();
	const ada = await app.connect(undefined, cookies());
	const bob = await app.connect(undefined, cookies());
	const hers = ada.live<Board>('board').board;
	const his = bob.live<Board>('board').board;
	const here = ada.subscribe(hers.presence);
	const pointers = ada.subscribe(hers.cursors);
	const notes = ada.subscribe(hers.data);
	const followed = [bob.subscribe(his.data), bob.subscribe(his.cursors)];
	await Promise.all([pointers, notes, ...followed].map((stream) => stream.waitFor()));

	const id = crypto.randomUUID();
	his.cursors.move({ x: 0.5, y: 0.25 });
	await his.add({ id, text: 'lunch?', x: 0.1, y: 0.2 });
	await app.clock.advance(100);

	expect(await notes.waitFor((list) => list.length === 1)).toMatchObject([{ id, text: 'lunch?' }]);
	expect(await here.waitFor((members) => members.length === 2)).toHaveLength(2);
	const [pointer] = await pointers.waitFor((list) => list.length === 1);
	expect(pointer).toMatchObject({ data: { x: 0.5, y: 0.25 } });
});

test('who closes the page is gone once the grace is over', async () => {
	await using app = await startApp();
	const ada = await app.connect(undefined, cookies());
	const bob = await app.connect(undefined, cookies());
	const here = ada.subscribe('board/board.presence');
	for (const client of [ada, bob]) await client.subscribe('board/board.data').waitFor();
	await app.clock.advance(100);
	await here.waitFor((members) => (members as unknown[]).length === 2);

	await bob.close();
	await app.clock.advance(60_000);

	expect(here.current).toHaveLength(1);
});

test('of a note that somebody has taken off, nothing can be changed', async () => {
	await using app = await startApp();
	const ada = await app.connect(undefined, cookies());
	const change = ada.call('board/board.change', { id: crypto.randomUUID(), text: 'gone' });

	await expect(change).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
