import { expect, test } from 'vitest';
import { live, type LiveContext } from 'svelte-realtime';
import { definePlugin, deny } from 'svelte-realtime/kernel';
import { identity } from 'svelte-realtime/plugins/identity';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { signals } from 'svelte-realtime/plugins/signals';
import { streams } from 'svelte-realtime/plugins/streams';
import { createTestCluster, settle } from 'svelte-realtime/testing';
import { startKernel } from '../kernel/tracked.ts';

const ADA = { user: { id: 'ada' } };
const BOB = { user: { id: 'bob' } };

async function start() {
	const kernel = await startKernel([rpc(), replay(), streams(), signals()]);
	return { kernel, signal: kernel.use('signal') };
}

type Client = Awaited<ReturnType<Awaited<ReturnType<typeof start>>['kernel']['connect']>>;
const heard = (client: Client): unknown[] =>
	client.take().map(({ event, data }) => (data === undefined ? event : [event, data]));

test('a signal reaches every connection of its user, and nobody else', async () => {
	const { kernel, signal } = await start();
	const [phone, laptop] = [await kernel.connect(ADA), await kernel.connect(ADA)];
	const [bob, nobody] = [await kernel.connect(BOB), await kernel.connect()];

	const result = signal('ada', 'invited', { board: 7 });

	expect(result).toEqual({ status: 'ok', level: 'local', connections: 2 });
	expect(heard(phone)).toEqual([['invited', { board: 7 }]]);
	expect(heard(laptop)).toEqual([['invited', { board: 7 }]]);
	expect([heard(bob), heard(nobody)]).toEqual([[], []]);
});

test('the signals of one sender arrive in order', async () => {
	const { kernel, signal } = await start();
	const ada = await kernel.connect(ADA);

	for (let n = 0; n < 50; n += 1) void signal('ada', 'count', n);

	expect(heard(ada)).toEqual(Array.from({ length: 50 }, (_, n) => ['count', n]));
});

test('a user is meant by the id or by the object that has it; who has none gets nothing', async () => {
	const { kernel, signal } = await start();
	const one = await kernel.connect({ user: { id: 7 } });

	void signal(7, 'a');
	void signal({ id: 7 }, 'b');
	const results = [undefined, null, {}, { id: null }, true].map((who) => signal(who as never, 'c'));

	expect(heard(one)).toEqual(['a', 'b']);
	for (const result of results) {
		expect(result).toEqual({ status: 'rejected', code: 'INVALID_REQUEST', connections: 0 });
	}
});

test('the sender is told that nobody here has heard it, also once all have gone', async () => {
	const { kernel, signal } = await start();
	const [first, second] = [await kernel.connect(ADA), await kernel.connect(ADA)];
	await first.leave();

	expect(signal('ada', 'a')).toMatchObject({ connections: 1 });
	await second.leave();

	expect(signal('ada', 'a')).toMatchObject({ status: 'ok', connections: 0 });
	expect(signal('eve', 'a')).toMatchObject({ status: 'ok', connections: 0 });
});

test('no client can ask for the signals of somebody, whatever it sends', async () => {
	const { kernel, signal } = await start();
	const feed = live.stream(
		(_ctx, name: string) => name,
		() => []
	);
	kernel.mount({ app: { feed } });
	const bob = await kernel.connect(BOB);

	await expect(bob.follow('app/feed', '__signal:ada')).rejects.toMatchObject({
		code: 'INVALID_TOPIC'
	});
	const topic = '__signal:ada';
	for (const type of ['subscribe', 'stream', 'signal', 'signals:follow']) {
		await bob.send({ type, id: 9, topic, path: topic, args: [topic] });
	}
	bob.take();
	void signal('ada', 'secret');

	expect(heard(bob)).toEqual([]);
});

test('a live function, and what the server runs by itself, has it on ctx', async () => {
	const { kernel } = await start();
	const invite = live((ctx: LiveContext, who: string) => ctx.signal(who, 'invited'));
	kernel.mount({ app: { invite } });
	const [ada, bob] = [await kernel.connect(ADA), await kernel.connect(BOB)];

	expect(await ada.call('app/invite', 'bob')).toMatchObject({ connections: 1 });

	expect(heard(bob)).toEqual(['invited']);
});

test('the gates of topics may keep signals from somebody', async () => {
	const { kernel, signal } = await start();
	await kernel.add(
		definePlugin({
			name: 'strict',
			setup(own) {
				own.hook('subscribe', async ({ connection }) =>
					connection.data.user === BOB.user ? deny('FORBIDDEN') : undefined
				);
			}
		})
	);
	const [ada, bob] = [await kernel.connect(ADA), await kernel.connect(BOB)];
	await settle();

	expect(signal('ada', 'a')).toMatchObject({ connections: 1 });
	expect(signal('bob', 'a')).toMatchObject({ connections: 0 });
	expect([heard(ada), heard(bob)]).toEqual([['a'], []]);
});

test('who is here already hears signals once the plugin is put in', async () => {
	const kernel = await startKernel([rpc()]);
	const ada = await kernel.connect(ADA);

	await kernel.add(signals());
	void kernel.find('signal')!('ada', 'a');

	expect(heard(ada)).toEqual(['a']);
});

test('a connection whose user is another one by now hears that one, and the earlier one no more', async () => {
	const kernel = await startKernel([identity(), signals()]);
	const [ada, signal] = [await kernel.connect(ADA), kernel.use('signal')];

	kernel.use('identity').set(ada.connection, BOB.user);
	void signal('ada', 'a');
	void signal('bob', 'b');
	expect(heard(ada)).toEqual(['b']);
	kernel.use('identity').set(ada.connection, undefined);

	expect(signal('bob', 'c')).toMatchObject({ connections: 0 });
});

test('an instance passes signals on to the others, and counts its own connections', async () => {
	const cluster = await createTestCluster(2, [rpc(), signals()]);
	const [here, there] = cluster.kernels;
	const [ada, bob] = [await there!.connect(ADA), await there!.connect(BOB)];

	expect(here!.use('signal')('ada', 'a')).toMatchObject({ status: 'ok', connections: 0 });
	await settle();

	expect([heard(ada), heard(bob)]).toEqual([['a'], []]);
});
