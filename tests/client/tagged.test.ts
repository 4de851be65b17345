import { expect, test, vi } from 'vitest';
import { live } from 'svelte-realtime';
import { tagged, type Tag } from 'svelte-realtime/client';
import { settle } from './fake-server.ts';
import { network, type Network } from './network.ts';

// The browser's own reactivity, which runs in Node as well.
const source = vi.hoisted(() => '../../node_modules/svelte/src');
vi.mock('svelte/reactivity', () => import(`${source}/reactivity/index-client.js`));
const svelte = (await import(`${source}/internal/client/index.js`)) as {
	effect_root(run: () => void): () => void;
	user_effect(run: () => void): void;
	state<T>(value: T): object;
	get<T>(signal: object): T;
	set(signal: object, value: unknown): void;
};

/** A query as SvelteKit has it: kept by its key, and seen through any number of proxies. */
class Kept {
	asked: number = 0;
	readonly #value: object = svelte.state<unknown>('first');

	get current(): unknown {
		return svelte.get(this.#value);
	}

	set(value: unknown): void {
		svelte.set(this.#value, value);
	}

	refresh(): Promise<void> {
		this.asked += 1;
		this.set(`answer ${this.asked}`);
		return Promise.resolve();
	}
}

class QueryProxy {
	readonly #kept: Kept;

	constructor(kept: Kept) {
		this.#kept = kept;
		Object.defineProperty(this, Symbol('key'), { value: 'hash/getTodos/' });
	}

	get current(): unknown {
		return this.#kept.current;
	}

	set(value: unknown): void {
		this.#kept.set(value);
	}

	refresh(): Promise<void> {
		return this.#kept.refresh();
	}
}

async function page() {
	const net = await network({ app: { todos: live.tag('todos') } });
	const todos = net.client().stream<Tag>('app/todos');
	const kept = new Kept();
	const getTodos = (): QueryProxy => new QueryProxy(kept);
	return { net, todos, kept, getTodos, invalidate: net.kernel.use('invalidate') };
}

function effect(read: () => unknown): { seen: unknown[]; destroy(): void } {
	const seen: unknown[] = [];
	const destroy = svelte.effect_root(() => {
		svelte.user_effect(() => void seen.push(read()));
	});
	return { seen, destroy };
}

async function pass(net: Network, ms: number): Promise<void> {
	await settle();
	await net.clock.advance(ms);
	await settle();
}

test('what shows a tagged query shows what the query comes to, for as long as it shows it', async () => {
	const { net, todos, kept, getTodos, invalidate } = await page();
	const list = tagged(getTodos(), todos);
	const { seen, destroy } = effect(() => list.current);
	await settle();

	void invalidate('todos');
	await pass(net, 25);
	void invalidate('todos', 'given');
	await pass(net, 25);
	expect(seen).toEqual(['first', 'answer 1', 'given']);

	destroy();
	await settle();
	void invalidate('todos');
	await pass(net, 1000);

	expect(kept.asked).toBe(1);
	expect(net.messages.at(-1)).toContain('stream:end');
});

test('a query that is made anew in each run of an effect stays followed', async () => {
	const { net, todos, kept, getTodos, invalidate } = await page();
	const { seen } = effect(() => tagged(getTodos(), todos).current);
	await settle();

	for (let n = 0; n < 5; n += 1) {
		void invalidate('todos');
		await pass(net, 25);
	}

	expect(seen).toEqual(['first', ...[1, 2, 3, 4, 5].map((n) => `answer ${n}`)]);
	expect(kept.asked).toBe(5);
	expect(net.messages.filter((text) => text.includes('"stream"'))).toHaveLength(1);
});

test('a query that two components show is asked once', async () => {
	const { net, todos, kept, getTodos, invalidate } = await page();
	for (let n = 0; n < 2; n += 1) {
		const list = tagged(getTodos(), todos);
		effect(() => list.current);
	}
	await settle();

	void invalidate('todos');
	await pass(net, 1000);

	expect(kept.asked).toBe(1);
});

test('a tagged query is the query in all else, and nothing is followed for a mere look', async () => {
	const { net, todos, kept, getTodos } = await page();

	const list = tagged(getTodos(), todos);
	await list.refresh();
	list.set('mine');

	expect([list.current, kept.asked, list instanceof QueryProxy]).toEqual(['mine', 1, true]);
	await settle();
	expect(net.messages).toEqual([]);
});

test('while a page is rendered the query is itself', async () => {
	const { getTodos } = await page();
	const query = getTodos();

	expect(tagged(query, {} as Tag)).toBe(query);
});
