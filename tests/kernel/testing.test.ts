import { expect, test } from 'vitest';
import { definePlugin, deny, live, LiveError, type Plugin } from 'svelte-realtime';
import { memoryLog, replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { single } from 'svelte-realtime/presets';
import {
	createTestCluster,
	createTestKernel,
	endTestKernels,
	FakeSocket,
	provided,
	VirtualClock
} from 'svelte-realtime/testing';
import { startKernel, takeErrors } from './tracked.ts';

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		greeter: { greet(): string };
	}
}

test('a virtual clock runs what falls due, in the order of time', async () => {
	const clock = new VirtualClock(1000);
	const log: string[] = [];
	clock.after(30, () => log.push(`after ${clock.now()}`));
	const stop = clock.every(20, () => log.push(`every ${clock.now()}`));
	clock.after(10, () => log.push('cancelled'))();

	await clock.advance(45);
	stop();
	await clock.advance(100);

	expect(log).toEqual(['every 1020', 'after 1030', 'every 1040']);
	expect([clock.now(), clock.pending]).toEqual([1145, 0]);
});

test('timers that a timer makes run in the same turn of the clock', async () => {
	const clock = new VirtualClock();
	const log: number[] = [];
	const again = (): void => {
		log.push(clock.now());
		if (log.length < 3) clock.after(10, again);
	};
	clock.after(10, again);

	await clock.advance(100);

	expect(log).toEqual([10, 20, 30]);
});

test('a fake socket throws on any use after its end, as the native one does', () => {
	const socket = new FakeSocket(new Map());
	socket.end(1006, '');

	for (const use of [
		() => socket.send('x'),
		() => socket.subscribe('x'),
		() => socket.unsubscribe('x'),
		() => socket.publish('x', 'y'),
		() => socket.cork(() => {}),
		() => socket.close(1000, '')
	]) {
		expect(use).toThrow('Invalid access');
	}
});

test('a provided stand-in satisfies those who require it', async () => {
	const polite = definePlugin({
		name: 'polite',
		requires: ['greeter'],
		setup: (kernel) => {
			greeting = kernel.use('greeter').greet();
		}
	});
	let greeting = '';
	const kernel = await startKernel([provided('greeter', { greet: () => 'hello' }), polite]);

	expect(greeting).toBe('hello');
	expect(kernel.use('greeter').greet()).toBe('hello');
});

test('a plugin whose requirement is missing fails as in production', async () => {
	const polite = definePlugin({ name: 'polite', requires: ['greeter'], setup() {} });

	await expect(createTestKernel([polite])).rejects.toThrow('RT_CAPABILITY_MISSING');
});

test('connecting goes through the gates', async () => {
	const kernel = await startKernel([
		definePlugin({
			name: 'gate',
			setup: ({ hook }) =>
				void hook('upgrade', ({ data, request }) => {
					if (request.headers['x-name'] === 'eve') return deny('FORBIDDEN', 'Not you.');
					data.user = request.headers['x-name'];
				})
		})
	]);

	const ada = await kernel.connect({}, { headers: { 'x-name': 'ada' } });

	expect(ada.connection.data.user).toBe('ada');
	await expect(kernel.connect({}, { headers: { 'x-name': 'eve' } })).rejects.toThrow(
		'FORBIDDEN: Not you.'
	);
});

// --- what a test leaves behind ---

test.each<[string, (kernel: Awaited<ReturnType<typeof leaking>>) => unknown, RegExp]>([
	['an error that was reported', () => {}, /reported by "leaking": Error: unheard/],
	[
		'a timer beside the clock of its plugin',
		(kernel) => {
			takeErrors(kernel);
			kernel.clock.after(50, () => {});
		},
		/behind:\n {2}1 timers/
	],
	[
		'a connection that the kernel does not know',
		(kernel) => {
			takeErrors(kernel);
			kernel.transport.socket();
		},
		/behind:\n {2}open: 1 connections/
	],
	[
		'a subscription of such a one',
		(kernel) => {
			takeErrors(kernel);
			kernel.transport.socket().subscribe('news');
		},
		/followed by 1: the topic "news"/
	]
])('%s is found at the end', async (_, leak, message) => {
	const kernel = await leaking();

	leak(kernel);

	await expect(kernel.end()).rejects.toThrow(message);
});

async function leaking() {
	const kernel = await createTestKernel([
		definePlugin({
			name: 'leaking',
			setup(kernel) {
				kernel.clock.every(10, () => {});
				kernel.report(new Error('unheard'));
			}
		})
	]);
	await kernel.connect();
	return kernel;
}

test('a kernel that is clean ends quietly, once, with its connections and timers', async () => {
	const kernel = await createTestKernel(single());
	const ada = await kernel.connect();
	kernel.mount({ chat: { messages: live.stream('chat', () => []) } });
	await ada.follow('chat/messages');

	await kernel.end();
	await endTestKernels();

	expect(ada.socket.closed).toMatchObject({ code: 1012 });
	expect(kernel.clock.pending).toBe(0);
});

test('the end of a test waits for a shutdown that needs the world outside, and for one that waits for the clock', async () => {
	const log: string[] = [];
	const ending = (name: string, wait: (done: () => void) => void): Plugin =>
		definePlugin({
			name,
			setup: (kernel) =>
				void kernel.hook('shutdown', async () => {
					await new Promise<void>(wait);
					log.push(name);
				})
		});
	const clock = new VirtualClock();
	const kernel = await createTestKernel(
		[
			ending('by the clock', (done) => void clock.after(5000, done)),
			ending('outside', (done) => void setTimeout(done, 20))
		],
		{ clock }
	);

	await kernel.end();

	expect(log).toEqual(['outside', 'by the clock']);
});

// --- asking as a client does ---

test('a test connection calls and follows live functions', async () => {
	const kernel = await startKernel(single());
	const day = new Date(0);
	kernel.mount({
		chat: {
			say: live((ctx, text: string) => void ctx.publish('chat', 'created', { text, day })),
			day: live((_ctx, at: Date) => at),
			refuse: live(() => {
				throw new LiveError('CONFLICT', 'Taken.', { retryAfter: 5 });
			}),
			messages: live.stream('chat', () => [{ day }])
		}
	});
	const [ada, eve] = [await kernel.connect(), await kernel.connect()];

	const chat = await ada.follow('chat/messages');
	await eve.call('chat/say', 'hello');
	expect(await eve.call('chat/day', day)).toEqual(day);
	await expect(eve.call('chat/refuse')).rejects.toMatchObject({ code: 'CONFLICT', retryAfter: 5 });
	await expect(eve.follow('chat/none')).rejects.toMatchObject({ code: 'NOT_FOUND' });

	expect([chat.topic, chat.data]).toEqual(['chat', [{ day }]]);
	expect(chat.events).toEqual([{ event: 'created', data: { text: 'hello', day }, seq: 1 }]);
	expect(ada.take().map(({ type }) => type)).toEqual(['event']);
	expect(eve.take()).toEqual([]);

	await chat.end();
	await eve.call('chat/say', 'again');
	expect(chat.events).toHaveLength(1);
	expect(kernel.transport.subscribers('chat')).toBe(0);
});

test('a call that nobody answers any more fails with its connection', async () => {
	const kernel = await startKernel([rpc()]);
	kernel.mount({ m: { never: live(() => new Promise(() => {})) } });
	const ada = await kernel.connect();

	const call = ada.call('m/never');
	await Promise.all([expect(call).rejects.toThrow('DISCONNECTED'), ada.leave()]);
});

test('modules need rpc', async () => {
	const kernel = await startKernel([]);

	expect(() => kernel.mount({})).toThrow('createTestKernel([rpc()');
});

// --- a cluster ---

const notes = (log: string[]): Plugin =>
	definePlugin({
		name: 'notes',
		setup: (kernel) =>
			void kernel.hook('published', ({ event, origin }) => void log.push(`${event} ${origin}`))
	});

test('what is published on one kernel of a cluster arrives on every other one, in order', async () => {
	const logs: string[][] = [[], [], []];
	const { kernels, clock, bus } = await createTestCluster(3, (index) => [notes(logs[index]!)]);

	void kernels[0]!.publish('news', 'one');
	bus.delay = 50;
	void kernels[1]!.publish('news', 'two');
	bus.delay = 0;
	void kernels[1]!.publish('news', 'three');
	expect(logs[2]).toEqual(['one remote']);
	await clock.advance(50);

	expect(logs).toEqual([
		['one local', 'two remote', 'three remote'],
		['one remote', 'two local', 'three local'],
		['one remote', 'two remote', 'three remote']
	]);
});

test('a cluster that is cut loses what is said meanwhile, and hears again when it is healed', async () => {
	const logs: string[][] = [[], [], []];
	const { kernels, bus } = await createTestCluster(3, (index) => [notes(logs[index]!)]);

	bus.cut(0, 2);
	void kernels[0]!.publish('news', 'one');
	void kernels[2]!.publish('news', 'two');
	bus.heal();
	void kernels[0]!.publish('news', 'three');

	expect(logs).toEqual([
		['one local', 'three local'],
		['one remote', 'two remote', 'three remote'],
		['two local', 'three remote']
	]);
});

test('followers on two kernels see one order of a log that the kernels share', async () => {
	const log = memoryLog({ size: 10, topicBytes: 1e6, bytes: 1e6, topics: 10 });
	const { kernels, clock } = await createTestCluster(2, () => [
		provided('replay.log', log),
		...single()
	]);
	const modules = { chat: { messages: live.stream('chat', () => []) } };
	for (const kernel of kernels) kernel.mount(modules);
	const ada = await (await kernels[0]!.connect()).follow('chat/messages');
	const eve = await (await kernels[1]!.connect()).follow('chat/messages');

	void kernels[0]!.publish('chat', 'created', { id: 1 });
	void kernels[1]!.publish('chat', 'created', { id: 2 });
	await clock.advance(0);

	const expected = [
		{ event: 'created', data: { id: 1 }, seq: 1 },
		{ event: 'created', data: { id: 2 }, seq: 2 }
	];
	expect([ada.events, eve.events]).toEqual([expected, expected]);
});

test('the kernels of a cluster have one clock, and are told apart in what they leave behind', async () => {
	const failing = definePlugin({
		name: 'failing',
		setup: (kernel) =>
			void kernel.hook('published', ({ origin }) => {
				if (origin === 'remote') throw new Error('no room');
			})
	});
	const cluster = await createTestCluster(2, [failing, replay()]);
	expect(cluster.kernels[0]!.clock).toBe(cluster.kernels[1]!.clock);

	void cluster.kernels[0]!.publish('news', 'one');

	await expect(cluster.end()).rejects.toThrow(/kernel 1: reported by "failing": Error: no room/);
});
