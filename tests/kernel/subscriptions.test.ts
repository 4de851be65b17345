import { expect, test } from 'vitest';
import {
	definePlugin,
	deny,
	type Connection,
	type KernelHooks,
	type Plugin,
	type Position,
	type Subscription
} from 'svelte-realtime/kernel';
import { settle, type TestConnection } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from './tracked.ts';

type Ask = (connection: Connection, topic: string, since?: Position) => Subscription;

/** Starts a kernel whose subscriptions a test asks for by itself. */
async function asking(...plugins: Plugin[]) {
	let ask!: Ask;
	const asker = definePlugin({
		name: 'asker',
		setup: (kernel) => void (ask = (...args) => kernel.subscribe(...args))
	});
	const kernel = await startKernel([asker, ...plugins]);
	const ada = await kernel.connect();
	return { kernel, ada, ask, heard: () => hears(kernel, ada) };
}

/** Whether a connection gets a publish, and how many times. */
function hears(
	kernel: { publish(topic: string, event: string): unknown },
	ada: TestConnection
): number {
	ada.take();
	void kernel.publish('room', 'e');
	return ada.take().length;
}

function gate(handler: KernelHooks['subscribe'], name = 'gate'): Plugin {
	return definePlugin({ name, setup: ({ hook }) => void hook('subscribe', handler) });
}

/** Notes subscribed and unsubscribe; `wait` makes the first of them slow. */
function notices(log: string[], wait?: Promise<void>): Plugin {
	return definePlugin({
		name: 'notices',
		setup({ hook }) {
			hook('subscribed', async ({ topic, since }) => {
				log.push(`begin ${topic}`);
				await wait;
				log.push(`subscribed ${topic}${since ? ` since ${since.seq}` : ''}`);
			});
			hook('unsubscribe', ({ topic }) => void log.push(`unsubscribe ${topic}`));
		}
	});
}

const ROOM = 'room';

test('a subscription is asked for, granted, entered and left', async () => {
	const { ask, ada, heard } = await asking();

	const subscription = ask(ada.connection, ROOM);
	expect(subscription.verdict).toBeUndefined();
	expect(heard()).toBe(0);

	expect(subscription.enter()).toBe(true);
	expect(heard()).toBe(1);

	subscription.leave();
	expect(heard()).toBe(0);
});

test('entering again is one subscription, and leaving again does nothing', async () => {
	const { ask, ada, heard } = await asking();
	const [one, two] = [ask(ada.connection, ROOM), ask(ada.connection, ROOM)];
	one.enter();
	one.enter();
	two.enter();

	one.leave();
	one.leave();

	expect(heard()).toBe(1);
	expect(one.enter()).toBe(false);
	two.leave();
	expect(heard()).toBe(0);
});

test('two subscriptions of one connection to one topic are one native subscription', async () => {
	const log: string[] = [];
	const { ask, ada, heard } = await asking(notices(log));
	const [one, two] = [ask(ada.connection, ROOM), ask(ada.connection, ROOM)];

	one.enter();
	two.enter();
	expect(heard()).toBe(1);
	one.leave();
	expect(heard()).toBe(1);
	two.leave();
	await settle();

	expect(heard()).toBe(0);
	expect(log).toEqual(['begin room', 'subscribed room', 'unsubscribe room']);
});

test('of several topics each is left by itself, in whatever order, and can be followed again', async () => {
	const log: string[] = [];
	const { kernel, ask, ada } = await asking(notices(log));
	const names = ['a', 'b', 'c', 'd'];
	const follow = (topic: string): Subscription => {
		const subscription = ask(ada.connection, topic);
		subscription.enter();
		return subscription;
	};
	const [a, b, c, d] = names.map(follow);
	const followed = (): string[] => names.filter((name) => kernel.transport.subscribers(name) > 0);

	b!.leave();
	expect(followed()).toEqual(['a', 'c', 'd']);
	const again = follow('b');
	expect(followed()).toEqual(names);
	d!.leave();
	expect(followed()).toEqual(['a', 'b', 'c']);
	a!.leave();
	c!.leave();
	expect(followed()).toEqual(['b']);
	again.leave();
	expect(followed()).toEqual([]);
	await settle();
	expect(log.filter((line) => line.startsWith('unsubscribe')).sort()).toEqual(
		['a', 'b', 'b', 'c', 'd'].map((name) => `unsubscribe ${name}`)
	);
});

test('a subscription that is left before it is entered can never be entered', async () => {
	const log: string[] = [];
	let finish!: () => void;
	const waiting = new Promise<void>((resolve) => (finish = resolve));
	const { ask, ada, heard } = await asking(
		gate(() => waiting),
		notices(log)
	);

	const subscription = ask(ada.connection, ROOM);
	subscription.leave();
	finish();
	await subscription.verdict;

	expect(subscription.enter()).toBe(false);
	expect(heard()).toBe(0);
	expect(log).toEqual([]);
});

test('nothing is entered before the gates have spoken, nor after they have refused', async () => {
	let refuse!: () => void;
	const waiting = new Promise<void>((resolve) => (refuse = resolve));
	const { ask, ada, heard } = await asking(
		gate(async () => {
			await waiting;
			return deny('FORBIDDEN', 'Members only.');
		})
	);

	const subscription = ask(ada.connection, ROOM);
	expect(subscription.enter()).toBe(false);
	refuse();

	expect(await subscription.verdict).toEqual(deny('FORBIDDEN', 'Members only.'));
	expect(subscription.enter()).toBe(false);
	expect(heard()).toBe(0);
});

test.each<[string, KernelHooks['subscribe']]>([
	[
		'throws',
		() => {
			throw new Error('boom');
		}
	],
	['rejects', () => Promise.reject(new Error('boom'))],
	['answers true', (() => true) as never],
	['answers true later', (async () => true) as never]
])('a gate that %s refuses with INTERNAL_ERROR and is reported', async (_, handler) => {
	const { kernel, ask, ada } = await asking(gate(handler, 'broken'));

	const subscription = ask(ada.connection, ROOM);

	expect(await subscription.verdict).toEqual(deny('INTERNAL_ERROR'));
	expect(subscription.enter()).toBe(false);
	expect(takeErrors(kernel)).toEqual(['broken RT_HOOK_FAILED']);
});

test('gates are asked by topic and class, with the position that the client names', async () => {
	const seen: unknown[] = [];
	const { ask, ada } = await asking(
		definePlugin({
			name: 'gates',
			setup({ hook, declareTopics }) {
				declareTopics('cursor:*', 'ephemeral');
				hook('subscribe', ({ topic, since }) => void seen.push(['logged', topic, since]), {
					class: 'logged'
				});
				hook('subscribe', ({ topic }) => void seen.push(['cursor', topic]), { topics: 'cursor:*' });
			}
		})
	);
	const since = { epoch: 'e', seq: 4 };

	void ask(ada.connection, ROOM, since);
	void ask(ada.connection, 'cursor:1');

	expect(seen).toEqual([
		['logged', ROOM, since],
		['cursor', 'cursor:1']
	]);
});

test.each(['', 'a\nb', 'x'.repeat(257), '\ud800'])('%j is refused as no topic', async (topic) => {
	const { ask, ada } = await asking();

	const subscription = ask(ada.connection, topic);

	expect(subscription.verdict).toMatchObject({ code: 'INVALID_TOPIC' });
	expect(subscription.enter()).toBe(false);
});

test('a connection that is gone enters nothing', async () => {
	const log: string[] = [];
	const { ask, ada } = await asking(notices(log));
	const early = ask(ada.connection, ROOM);
	await ada.leave();
	const late = ask(ada.connection, ROOM);

	expect(early.enter()).toBe(false);
	expect(late.enter()).toBe(false);
	early.leave();
	late.leave();

	expect(log).toEqual([]);
});

test('whoever goes away leaves every topic, once', async () => {
	const log: string[] = [];
	const { ask, ada } = await asking(notices(log));
	const [one, two, three] = [ROOM, ROOM, 'other'].map((topic) => ask(ada.connection, topic));
	for (const subscription of [one!, two!, three!]) subscription.enter();
	await settle();
	log.length = 0;

	await ada.leave();
	one!.leave();
	two!.leave();
	await settle();

	expect(log).toEqual(['unsubscribe room', 'unsubscribe other']);
});

test('notices of one topic keep their order, however slow the first is', async () => {
	const log: string[] = [];
	let finish!: () => void;
	const waiting = new Promise<void>((resolve) => (finish = resolve));
	const { ask, ada } = await asking(notices(log, waiting));

	const since = { epoch: 'e', seq: 4 };
	const first = ask(ada.connection, ROOM, since);
	first.enter();
	first.leave();
	const second = ask(ada.connection, ROOM);
	second.enter();
	await settle();
	expect(log).toEqual(['begin room']);

	await ada.leave();
	finish();
	await settle();

	expect(log).toEqual([
		'begin room',
		'subscribed room since 4',
		'unsubscribe room',
		'begin room',
		'subscribed room',
		'unsubscribe room'
	]);
	expect(ada.connection.notices?.size).toBe(0);
});

test('notices of different topics and connections do not wait for each other', async () => {
	const log: string[] = [];
	const never = new Promise<void>(() => {});
	const { kernel, ask, ada } = await asking(notices(log, never));
	const bob = await kernel.connect();

	ask(ada.connection, ROOM).enter();
	ask(ada.connection, 'other').enter();
	ask(bob.connection, ROOM).enter();
	await settle();

	expect(log).toEqual(['begin room', 'begin other', 'begin room']);
});

test('a notice that fails is reported, and the next one of its topic still runs', async () => {
	const log: string[] = [];
	const { kernel, ask, ada } = await asking(
		definePlugin({
			name: 'broken',
			setup: ({ hook }) => void hook('subscribed', () => Promise.reject(new Error('boom')))
		}),
		notices(log)
	);

	const subscription = ask(ada.connection, ROOM);
	subscription.enter();
	subscription.leave();
	await settle();

	expect(log).toEqual(['begin room', 'subscribed room', 'unsubscribe room']);
	expect(takeErrors(kernel)).toEqual(['broken RT_HOOK_FAILED']);
});

test('a subscription that is closed in its own notice hears nothing more', async () => {
	const { ask, ada, heard } = await asking(
		definePlugin({
			name: 'closing',
			setup: ({ hook }) => void hook('subscribed', ({ connection }) => connection.close(4000))
		})
	);

	const subscription = ask(ada.connection, ROOM);
	subscription.enter();
	subscription.leave();

	expect(heard()).toBe(0);
	expect(ada.socket.closed).toMatchObject({ code: 4000 });
});
