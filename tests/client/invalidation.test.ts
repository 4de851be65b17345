import { expect, test } from 'vitest';
import { live } from 'svelte-realtime';
import { invalidated, type Tag } from 'svelte-realtime/client';
import { settle } from './fake-server.ts';
import { network, type Network } from './network.ts';

const todos = live.tag('todos');
const other = live.tag('other');

async function page() {
	const net = await network({ app: { todos, other } });
	const client = net.client({ random: () => 0.5 });
	const tag = (name: string): Tag => client.stream<Tag>(`app/${name}`);
	const asked: (() => void)[] = [];
	const query = {
		shown: undefined as unknown,
		/** Ends when a test says. */
		refresh: () => new Promise<void>((resolve) => asked.push(resolve)),
		set: (value: unknown) => void (query.shown = value)
	};
	/** Answers all questions, as soon as they are there. */
	const answer = async (): Promise<void> => {
		for (const end of asked.splice(0)) end();
		await settle();
	};
	return { net, client, tag, asked, answer, query, invalidate: net.kernel.use('invalidate') };
}

/** Both clocks go on. */
async function pass(net: Network, ms: number): Promise<void> {
	await settle();
	await net.clock.advance(ms);
	await net.kernel.clock.advance(ms);
	await settle();
}

test('twenty invalidations in a burst are one question', async () => {
	const { net, tag, asked, query, invalidate } = await page();
	invalidated(tag('todos'), () => query.refresh());
	await settle();

	for (let n = 0; n < 20; n += 1) {
		void invalidate('todos');
		await pass(net, 1);
	}
	await pass(net, 25);

	expect(asked).toHaveLength(1);
});

test('what is invalidated while the question runs is asked once more, and no more than that', async () => {
	const { net, tag, asked, answer, query, invalidate } = await page();
	invalidated(tag('todos'), () => query.refresh());
	await settle();
	void invalidate('todos');
	await pass(net, 25);
	expect(asked).toHaveLength(1);

	for (let n = 0; n < 5; n += 1) {
		void invalidate('todos');
		await pass(net, 30);
	}
	expect(asked).toHaveLength(1);
	await answer();
	await pass(net, 25);
	expect(asked).toHaveLength(1);
	await answer();
	await pass(net, 1000);

	expect(asked).toHaveLength(0);
});

test('a value that comes with it is shown, and nothing is asked', async () => {
	const { net, tag, asked, query, invalidate } = await page();
	invalidated(tag('todos'), () => query.refresh(), { set: (value) => query.set(value) });
	await settle();

	void invalidate('todos');
	void invalidate('todos', ['a']);
	await pass(net, 1000);

	expect([query.shown, asked.length]).toEqual([['a'], 0]);
});

test('of many pages each asks within the spread that the server says', async () => {
	const { net, tag, asked, query, invalidate } = await page();
	invalidated(tag('todos'), () => query.refresh());
	for (let n = 0; n < 40; n += 1)
		net
			.client()
			.stream('app/todos')
			.subscribe(() => {});
	await settle();

	void invalidate('todos');
	await pass(net, 40);
	expect(asked).toHaveLength(0);
	// Half of 41 pages' milliseconds, beyond those in which several are one.
	await pass(net, 6);

	expect(asked).toHaveLength(1);
});

test('several tags are one reason, and another tag is none', async () => {
	const { net, tag, asked, query, invalidate } = await page();
	invalidated([tag('todos'), tag('other')], () => query.refresh());
	await settle();

	void invalidate('todos');
	void invalidate('other');
	void invalidate('third');
	await pass(net, 1000);

	expect(asked).toHaveLength(1);
});

test('a page that was away asks when it is back, if there was anything', async () => {
	const { net, tag, asked, answer, query, invalidate } = await page();
	const ends = [
		invalidated(tag('todos'), () => query.refresh()),
		invalidated(tag('other'), () => query.refresh())
	];
	await settle();

	net.cut();
	void invalidate('todos');
	await pass(net, 5000);
	expect(asked).toHaveLength(1);
	await answer();
	net.cut();
	await pass(net, 5000);

	expect(asked).toHaveLength(0);
	for (const end of ends) end();
});

test('a server that remembers nothing is a reason to ask', async () => {
	const { net, tag, asked, query } = await page();
	invalidated(tag('todos'), () => query.refresh());
	await settle();

	await net.restart();
	await pass(net, 5000);
	await pass(net, 5000);

	expect(asked).toHaveLength(1);
});

test('what was invalidated before is no reason, and what is in between is one', async () => {
	const { net, tag, asked, query, invalidate } = await page();
	void invalidate('todos');
	await pass(net, 100);

	invalidated(tag('todos'), () => query.refresh());
	await pass(net, 1000);
	expect(asked).toHaveLength(0);

	// The question of another page is on its way to the server when it happens.
	const late = net.client().stream<Tag>('app/other');
	invalidated(late, () => query.refresh());
	void invalidate('other');
	await pass(net, 1000);

	expect(asked).toHaveLength(1);
});

test('who joins a tag that is followed already does not ask for what was before', async () => {
	const { net, tag, asked, query, invalidate } = await page();
	const set = (value: unknown): void => query.set(value);
	void invalidate('todos');
	await pass(net, 100);
	invalidated(tag('todos'), () => query.refresh(), { set });
	await pass(net, 1000);

	invalidated(tag('todos'), () => query.refresh(), { set });
	await pass(net, 1000);
	void invalidate('todos', 'given');
	await pass(net, 1000);

	expect([query.shown, asked.length]).toEqual(['given', 0]);
});

test('nobody asks any more once nobody listens', async () => {
	const { net, tag, asked, query, invalidate } = await page();
	const stop = invalidated(tag('todos'), () => query.refresh());
	await settle();

	stop();
	stop();
	await settle();
	void invalidate('todos');
	await pass(net, 1000);

	expect(asked).toHaveLength(0);
});

test('a question that fails is no end', async () => {
	const { net, tag, invalidate } = await page();
	let count = 0;
	invalidated(tag('todos'), () => {
		count += 1;
		throw new Error('offline');
	});
	await settle();

	void invalidate('todos');
	await pass(net, 25);
	void invalidate('todos');
	await pass(net, 25);

	expect(count).toBe(2);
});
