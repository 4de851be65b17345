import { expect, test } from 'vitest';
import { declared, definePlugin, deny, live, type Plugin } from 'svelte-realtime';
import type { LogEntry, Tail } from 'svelte-realtime/plugins/replay';
import { single } from 'svelte-realtime/presets';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

const MERGE = { merge: 'crud', key: 'id', prepend: false, max: 0 } as const;

/** A counter that numbers its own events, as a source of a stream. */
function counter() {
	let count = 0;
	let open = 0;
	const entries: LogEntry[] = [];
	const tail: Tail = {
		head: () => ({ epoch: 'counter', seq: count }),
		since: ({ epoch, seq }) => {
			if (epoch !== 'counter') return 'epoch';
			return seq < count - 2 ? 'truncated' : entries.slice(seq);
		},
		last: () => [],
		close: () => void (open -= 1)
	};
	return {
		feed: () => {
			open += 1;
			return { tail, value: () => count };
		},
		count: () => {
			count += 1;
			entries.push({ seq: count, event: 'set', value: { json: String(count), devalue: false } });
		},
		opened: () => open
	};
}

/** A kernel with a stream of `topic` behind a namespace. */
async function following(more: object, plugins: readonly Plugin[] = []) {
	const list: ReturnType<typeof single> = [...single(), ...plugins];
	const kernel = await startKernel(list);
	const declaration = { kind: 'stream', schema: undefined, loader: () => 0, merge: MERGE };
	const numbers = declared(() => 0, {
		...declaration,
		topic: 'numbers',
		namespace: '__test:',
		...more
	});
	kernel.use('rpc').mount({ test: { numbers, plain: live.stream('numbers', () => []) } });
	return { kernel, ada: await kernel.connect() };
}

const ask = (id: number, since?: object): object => ({
	type: 'stream',
	id,
	path: 'test/numbers',
	since
});

test('a feed gives a stream its value, its position and what was missed', async () => {
	const { feed, count, opened } = counter();
	const { ada } = await following({ feed });
	count();

	await ada.send(ask(1));
	expect(ada.take()).toMatchObject([
		{ type: 'stream:snapshot', topic: '__test:numbers', data: 1, epoch: 'counter', seq: 1 }
	]);
	count();
	count();
	await ada.send(ask(2, { epoch: 'counter', seq: 1 }));
	await ada.send(ask(3, { epoch: 'counter', seq: 0 }));

	expect(ada.take()).toMatchObject([
		{ type: 'stream:recovered', events: [{ data: 2 }, { data: 3 }] },
		{ type: 'stream:snapshot', data: 3, seq: 3, reset: 'truncated' }
	]);
	await ada.leave();
	expect(opened()).toBe(0);
});

test('a page that is rendered begins with the value of the feed, and holds nothing open', async () => {
	const { feed, count, opened } = counter();
	const { kernel } = await following({ feed });
	count();

	const seed = await kernel.use('streams').load('test/numbers', [], {
		url: '/',
		headers: {},
		ip: '127.0.0.1',
		origin: undefined
	});

	expect(seed).toMatchObject({ value: 1, position: { epoch: 'counter', seq: 1 } });
	expect(opened()).toBe(0);
});

test('who may not follow the topic may not follow what is told of it', async () => {
	const gate = definePlugin({
		name: 'gate',
		setup: ({ hook }) =>
			void hook('subscribe', () => Promise.resolve(deny('FORBIDDEN')), { topics: 'numbers' })
	});
	const seen: unknown[] = [];
	const onSubscribe = (): void => void seen.push('subscribed');
	const { ada } = await following({ feed: counter().feed, onSubscribe }, [gate]);

	await ada.send(ask(1));

	expect(ada.take()).toMatchObject([{ type: 'reply', id: 1, error: { code: 'FORBIDDEN' } }]);
	expect(seen).toEqual([]);
});

test('a declaration hears once of each follower, and once of its end', async () => {
	const seen: unknown[] = [];
	const note =
		(what: string) =>
		(ctx: { connection: { id: string } }, topic: string, args: readonly unknown[]): void =>
			void seen.push([what, ctx.connection.id, topic, args]);
	const heard = { onSubscribe: note('on'), onUnsubscribe: note('off') };
	const { ada } = await following({ feed: counter().feed, ...heard });
	const { id } = ada.connection;

	await ada.send({ ...ask(1), args: ['a'] });
	await ada.send(ask(2));
	await ada.send({ type: 'stream:end', id: 1 });
	await ada.send({ type: 'stream:end', id: 1 });
	await ada.leave();

	expect(seen).toEqual([
		['on', id, 'numbers', ['a']],
		['on', id, 'numbers', []],
		['off', id, 'numbers', ['a']],
		['off', id, 'numbers', []]
	]);
});

test('a declaration whose handler fails is reported, and followed all the same', async () => {
	const fail = (): Promise<void> => Promise.reject(new Error('late'));
	const failAtOnce = (): never => {
		throw new Error('at once');
	};
	const heard = { onSubscribe: fail, onUnsubscribe: failAtOnce };
	const { kernel, ada } = await following({ feed: counter().feed, ...heard });

	await ada.send(ask(1));
	await ada.leave();

	expect(takeErrors(kernel)).toEqual(['streams Error: late', 'streams Error: at once']);
});

test('what a connection follows is found by the id of its frame, and nobody else’s', async () => {
	const { kernel, ada } = await following({ feed: counter().feed });
	const eve = await kernel.connect();
	const { find } = kernel.use('streams');

	await ada.send(ask(7));

	expect(find(ada.connection, 7)).toMatchObject({ topic: 'numbers', args: [] });
	expect(find(ada.connection, '7')).toBeUndefined();
	expect(find(eve.connection, 7)).toBeUndefined();
	await ada.send({ type: 'stream:end', id: 7 });
	expect(find(ada.connection, 7)).toBeUndefined();
});

test('the name of a plugin’s own topic may be longer by a namespace than an app’s', async () => {
	const kernel = await startKernel([]);
	const topic = 'x'.repeat(256);

	expect(kernel.publish(`__presence:${topic}`, 'a')).toMatchObject({ status: 'ok' });
	expect(kernel.publish(`${topic}y`, 'a')).toMatchObject({ code: 'INVALID_TOPIC' });
	expect(kernel.publish(`__${topic}${topic}`, 'a')).toMatchObject({ code: 'INVALID_TOPIC' });
});
