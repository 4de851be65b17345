import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { definePlugin, DROP, HANDLED, live, type Plugin } from 'svelte-realtime';
import { createKernel, type Connection, type Subscription } from 'svelte-realtime/kernel';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';
import { fakeTransport, settle } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from './tracked.ts';

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		mood: { readonly name: string };
		'mood.store': { readonly name: string };
	}
}

/** Makes garbage collection something that a test can ask for. */
function collector(): () => void {
	setFlagsFromString('--expose-gc');
	return runInNewContext('gc') as () => void;
}

/** A plugin that registers something of every sort. */
function busy(log: string[] = [], name = 'mood'): Plugin<never, 'mood'> {
	return definePlugin({
		name: 'busy',
		provides: ['mood'],
		setup(kernel) {
			kernel.provide('mood', { name });
			kernel.declareTopics('busy:*', 'ephemeral');
			kernel.clock.every(10, () => log.push(`${name} tick`));
			kernel.clock.after(1000, () => log.push(`${name} late`));
			kernel.hook('publish', ({ event }) => (event === 'secret' ? DROP : undefined));
			kernel.hook('published', ({ event }) => void log.push(`${name} ${event}`));
			kernel.hook('message', () => HANDLED, { type: 'busy' });
			kernel.hook('shutdown', () => void log.push(`${name} ends`));
		}
	});
}

/** Notes the publishes that it sees. */
function noting(name: string, log: string[], order?: 'pre' | 'post'): Plugin {
	return definePlugin({
		name,
		setup: (kernel) =>
			void kernel.hook('publish', () => void log.push(name), order ? { order } : {})
	});
}

test('a plugin that is taken out leaves nothing behind', async () => {
	const log: string[] = [];
	const kernel = await startKernel([noting('other', [])]);
	const before = { described: kernel.describe(), pending: kernel.clock.pending };

	await kernel.add(busy(log));
	expect(kernel.publish('busy:1', 'secret')).toMatchObject({ status: 'rejected' });
	expect(kernel.publish('busy:1', 'seen')).toMatchObject({ status: 'ok' });
	await kernel.clock.advance(10);
	expect(kernel.find('mood')?.name).toBe('mood');
	await kernel.remove('busy');
	await kernel.clock.advance(5000);

	expect(log).toEqual(['mood seen', 'mood tick', 'mood ends']);
	expect({ described: kernel.describe(), pending: kernel.clock.pending }).toEqual(before);
	expect(kernel.find('mood')).toBeUndefined();
	expect(kernel.plugins.map(({ name }) => name)).toEqual(['other']);
	expect(kernel.publish('busy:1', 'secret')).toMatchObject({ status: 'ok' });
	const ada = await kernel.connect();
	expect(
		kernel.publish('busy:1', 'logged again', 1, { except: ada.connection }),
		'the class that it declared is gone'
	).toMatchObject({ status: 'rejected' });
	await ada.send({ type: 'busy', id: 1 });
	expect(ada.take()).toMatchObject([{ type: 'reply', error: { code: 'INVALID_REQUEST' } }]);
});

test('nothing has grown after 100 rounds, and what went can be collected', async () => {
	const collect = collector();
	const kernel = await startKernel([rpc(), noting('last', [])]);
	kernel.mount({ m: { mood: live((ctx) => (ctx as unknown as { mood: { name: string } }).mood) } });
	const ada = await kernel.connect();
	const before = kernel.describe();
	const services: WeakRef<object>[] = [];

	for (let round = 0; round < 100; round += 1) {
		await kernel.add(busy([], `round ${round}`));
		services.push(new WeakRef(kernel.find('mood')!));
		await ada.send({ type: 'rpc', id: round + 1, path: 'm/mood' });
		void kernel.publish('busy:1', 'x');
		await kernel.remove('busy');
	}
	ada.take();
	await settle();
	collect();

	expect(kernel.describe()).toBe(before);
	expect(kernel.clock.pending).toBe(1); // the sweep of rpc
	expect(services.filter((service) => service.deref() !== undefined)).toEqual([]);
});

test('handlers stand in the order of the list, whenever their plugin came', async () => {
	const log: string[] = [];
	const [a, b, c] = [noting('a', log), noting('b', log), noting('c', log)];
	const kernel = await startKernel([a, c]);

	await kernel.change([a, b, noting('first', log, 'pre'), c]);
	void kernel.publish('news', 'e');

	expect(log).toEqual(['first', 'a', 'b', 'c']);
	expect(kernel.plugins.map(({ name }) => name)).toEqual(['a', 'b', 'first', 'c']);
});

test('topic classes stand in the order of the list, whenever they were declared', async () => {
	const declaring = (name: string, topicClass: 'logged' | 'ephemeral'): Plugin =>
		definePlugin({ name, setup: (kernel) => kernel.declareTopics('x', topicClass) });
	const last = declaring('last', 'ephemeral');
	const kernel = await startKernel([last]);
	const ada = await kernel.connect();
	const isEphemeral = (): boolean =>
		(kernel.publish('x', 'e', 1, { except: ada.connection }) as { status: string }).status === 'ok';
	expect(isEphemeral()).toBe(true);

	await kernel.change([declaring('first', 'logged'), last]);

	expect(isEphemeral()).toBe(false);
});

test('what a plugin takes out again before it goes live is never in', async () => {
	const log: string[] = [];
	const kernel = await startKernel([]);

	await kernel.add(
		definePlugin({
			name: 'undecided',
			setup: (kernel) => kernel.hook('published', () => void log.push('heard'))()
		})
	);
	void kernel.publish('news', 'e');

	expect(log).toEqual([]);
});

// --- what others need ---

const needing = (log: string[] = []): Plugin<'mood', never> =>
	definePlugin({
		name: 'needing',
		requires: ['mood'],
		setup(kernel) {
			log.push(`needing ${kernel.use('mood').name}`);
			kernel.hook('shutdown', () => void log.push('needing ends'));
		}
	});

test('a plugin that others require is not taken out alone, and the error names them', async () => {
	const kernel = await startKernel([busy(), needing()]);
	const before = kernel.describe();

	await expect(kernel.remove('busy')).rejects.toThrow(/RT_PLUGIN_REQUIRED.*"busy".*"needing"/);
	expect(kernel.describe()).toBe(before);
	await expect(kernel.remove('nobody')).rejects.toThrow(/RT_PLUGIN_UNKNOWN.*"nobody"/);

	await kernel.remove('busy', 'needing');
	expect(kernel.describe()).toBe('');
});

test('where a provider is replaced, those that require it are set up again, and others are not', async () => {
	const log: string[] = [];
	const other = definePlugin({ name: 'other', setup: () => void log.push('other') });
	const dependent = needing(log);
	const kernel = await startKernel([busy([], 'old'), dependent, other]);
	log.length = 0;

	await kernel.change([busy([], 'new'), dependent, other]);

	expect(log).toEqual(['needing new', 'needing ends']);
	expect(kernel.use('mood').name).toBe('new');
});

test('one that uses a service where it is there is set up again when it comes, and when it goes', async () => {
	const log: (string | undefined)[] = [];
	const user = definePlugin({
		name: 'user',
		optional: ['mood.store'],
		setup: (kernel) => void log.push(kernel.find('mood.store')?.name)
	});
	const store = definePlugin({
		name: 'store',
		provides: ['mood.store'],
		setup: (kernel) => kernel.provide('mood.store', { name: 'stored' })
	});
	const kernel = await startKernel([user]);

	await kernel.add(store);
	await kernel.remove('store');

	expect(log).toEqual([undefined, 'stored', undefined]);
});

test('a list that could not be booted changes nothing', async () => {
	const kernel = await startKernel([busy()]);
	const before = kernel.describe();

	await expect(kernel.add(busy())).rejects.toThrow('RT_PLUGIN_DUPLICATE');
	await expect(kernel.change([needing()])).rejects.toThrow('RT_CAPABILITY_MISSING');

	expect(kernel.describe()).toBe(before);
});

// --- one step ---

test('where a setup fails the old plugins go on, and what it had begun is ended', async () => {
	const log: string[] = [];
	const kernel = await startKernel([busy(log, 'old')]);
	const before = { described: kernel.describe(), pending: kernel.clock.pending };
	const failing = definePlugin({
		name: 'failing',
		setup(kernel) {
			kernel.hook('ready', () => {
				throw new Error('not ready');
			});
		}
	});

	await expect(kernel.change([busy(log, 'new'), failing])).rejects.toThrow('not ready');
	void kernel.publish('busy:1', 'seen');

	expect(log).toEqual(['new ends', 'old seen']);
	expect({ described: kernel.describe(), pending: kernel.clock.pending }).toEqual(before);
});

test('the old plugin serves until the new one is ready, and then no frame is served by both', async () => {
	let finish!: () => void;
	let end!: () => void;
	const log: string[] = [];
	const answering = (name: string, setup?: () => Promise<void>): Plugin =>
		definePlugin({
			name: 'answering',
			async setup(kernel) {
				kernel.hook('published', () => void log.push(name));
				kernel.hook('shutdown', () => new Promise<void>((resolve) => (end = resolve)));
				await setup?.();
			}
		});
	const kernel = await startKernel([answering('old')]);

	const changed = kernel.change([
		answering('new', () => new Promise<void>((resolve) => (finish = resolve)))
	]);
	await settle();
	void kernel.publish('news', 'one');
	finish();
	await settle();
	void kernel.publish('news', 'while the old one ends');
	end();
	await changed;

	expect(log).toEqual(['old', 'new']);
	const down = kernel.shutdown();
	end();
	await down;
});

test('a call that runs while rpc itself is replaced is answered, and the next one too', async () => {
	let finish!: (value: string) => void;
	const modules = {
		m: {
			slow: live(() => new Promise<string>((resolve) => (finish = resolve))),
			mood: live((ctx) => (ctx as unknown as { mood: { name: string } }).mood.name)
		}
	};
	const kernel = await startKernel([busy([], 'old'), rpc()]);
	kernel.mount(modules);
	const ada = await kernel.connect();
	await ada.send({ type: 'rpc', id: 1, path: 'm/slow' });

	await kernel.change([busy([], 'new'), rpc()], () => kernel.mount(modules));
	finish('done');
	await settle();
	await ada.send({ type: 'rpc', id: 2, path: 'm/mood' });

	expect(ada.take()).toMatchObject([
		{ id: 1, data: 'done' },
		{ id: 2, data: 'new' }
	]);
	expect(ada.socket.closed).toBeUndefined();
});

test('ctx has the service that is there now', async () => {
	const kernel = await startKernel([rpc(), busy([], 'old')]);
	const mood = live((ctx) => (ctx as unknown as { mood?: { name: string } }).mood?.name ?? 'none');
	kernel.mount({ m: { mood } });
	const ada = await kernel.connect();
	const said: unknown[] = [];
	const ask = async (): Promise<void> => {
		await ada.send({ type: 'rpc', id: said.length + 1, path: 'm/mood' });
		said.push(ada.take()[0]?.['data']);
	};

	await ask();
	await kernel.change([kernel.plugins[0]!, busy([], 'new')]);
	await ask();
	await kernel.remove('busy');
	await ask();

	expect(said).toEqual(['old', 'new', 'none']);
});

test('what a plugin attaches to the service of another goes with it', async () => {
	const checks = new Set<string>();
	const checking = (name: string): Plugin =>
		definePlugin({
			name: 'checking',
			setup: (kernel) =>
				void kernel.attach(() => {
					checks.add(name);
					return () => checks.delete(name);
				})
		});
	const failing = definePlugin({
		name: 'failing',
		setup() {
			throw new Error('no database');
		}
	});
	const kernel = await startKernel([checking('old')]);

	await expect(kernel.change([checking('bad'), failing])).rejects.toThrow('no database');
	expect([...checks]).toEqual(['old']);
	await kernel.change([checking('new')]);
	expect([...checks]).toEqual(['new']);
	await kernel.remove('checking');
	expect([...checks]).toEqual([]);
});

test('a session that an earlier rpc had is not taken for a new one: nothing runs twice', async () => {
	let runs = 0;
	const modules = { m: { count: live(() => (runs += 1)) } };
	const kernel = await startKernel([rpc()]);
	kernel.mount(modules);
	const first = await kernel.connect();
	const session = 'a session of sixteen';
	await first.send({ type: 'rpc:session', session });
	await first.send({ type: 'rpc', id: 1, path: 'm/count' });
	await first.leave(1006);

	await kernel.change([rpc()], () => kernel.mount(modules));
	const again = await kernel.connect();
	await again.send({ type: 'rpc:session', session, last: 1, via: first.connection.id });
	await again.send({ type: 'rpc', id: 1, path: 'm/count', again: true });

	expect(again.take()).toMatchObject([{ id: 1, error: { code: 'UNKNOWN_OUTCOME' } }]);
	expect(runs).toBe(1);
});

test('deferred frames keep their order across a change', async () => {
	const order: string[] = [];
	const work: (() => void)[] = [];
	const deferring = definePlugin({
		name: 'deferring',
		setup: (kernel) =>
			void kernel.hook('publish', (ctx) => {
				if (ctx.event === 'one') {
					return ctx.defer(new Promise<void>((resolve) => work.push(resolve)));
				}
			})
	});
	const seen = definePlugin({
		name: 'seen',
		setup: (kernel) => void kernel.hook('publish', ({ event }) => void order.push(event))
	});
	const kernel = await startKernel([noting('first', []), deferring, seen]);

	const one = kernel.publish('news', 'one');
	await kernel.remove('first');
	const two = kernel.publish('news', 'two');
	await settle();
	expect(order).toEqual([]);
	work[0]!();
	await Promise.all([one, two]);

	expect(order).toEqual(['one', 'two']);
});

test('connections that follow something through a plugin that goes are told to come back', async () => {
	const modules = { m: { news: live.stream('news', () => ['x']), say: live(() => 'hi') } };
	const list = [rpc(), replay()] as const;
	const kernel = await startKernel([...list, streams()]);
	kernel.mount(modules);
	const follows = await kernel.connect();
	await follows.send({ type: 'stream', id: 1, path: 'm/news' });
	const left = await kernel.connect();
	await left.send({ type: 'stream', id: 1, path: 'm/news' });
	await left.send({ type: 'stream:end', id: 1 });
	const calls = await kernel.connect();

	await kernel.change([...list, streams()]);

	expect(follows.socket.closed).toMatchObject({ code: 1012 });
	expect([left.socket.closed, calls.socket.closed]).toEqual([undefined, undefined]);
	const back = await kernel.connect();
	await back.send({ type: 'stream', id: 1, path: 'm/news' });
	expect(back.take()).toMatchObject([{ type: 'stream:snapshot', data: ['x'] }]);
});

test('so are connections whose question to follow something a gate is still asked about', async () => {
	let ask!: (connection: Connection, topic: string) => Subscription;
	const asker = definePlugin({
		name: 'asker',
		setup: (kernel) => void (ask = (...args) => kernel.subscribe(...args))
	});
	const gate = definePlugin({
		name: 'gate',
		setup: ({ hook }) => void hook('subscribe', ({ topic }) => later.get(topic))
	});
	const later = new Map([['slow', new Promise<undefined>(() => {})]]);
	const kernel = await startKernel([gate, asker]);
	const [waits, left] = [await kernel.connect(), await kernel.connect()];
	ask(waits.connection, 'slow');
	ask(left.connection, 'slow').leave();

	await kernel.change([gate]);

	expect(waits.socket.closed).toMatchObject({ code: 1012 });
	expect(left.socket.closed).toBeUndefined();
});

test('what a plugin still does after it was taken out has no effect', async () => {
	let late!: () => void;
	const log: string[] = [];
	const clinging = definePlugin({
		name: 'clinging',
		provides: ['mood'],
		setup(kernel) {
			kernel.provide('mood', { name: 'here' });
			late = () => {
				kernel.hook('published', () => void log.push('hears'));
				kernel.clock.every(10, () => log.push('ticks'));
				kernel.declareTopics('x', 'ephemeral');
				kernel.provide('mood', { name: 'back' });
				const subscription = kernel.subscribe([...kernel.connections][0]!, 'news');
				log.push(JSON.stringify(subscription.verdict), String(subscription.enter()));
			};
		}
	});
	const kernel = await startKernel([clinging]);
	await kernel.connect();

	await kernel.remove('clinging');
	late();
	void kernel.publish('news', 'e');
	await kernel.clock.advance(100);

	expect(log).toEqual([expect.stringContaining('SERVICE_UNAVAILABLE'), 'false']);
	expect([kernel.clock.pending, kernel.find('mood'), kernel.describe()]).toEqual([
		0,
		undefined,
		''
	]);
});

test('changes that are asked for at once happen one after the other', async () => {
	const kernel = await startKernel([]);

	await Promise.all([
		kernel.add(busy()),
		kernel.add(noting('a', [])),
		kernel.remove('busy'),
		kernel.add(noting('b', []))
	]);

	expect(kernel.plugins.map(({ name }) => name)).toEqual(['a', 'b']);
});

test('a shutdown handler that never ends does not hold a change for ever', async () => {
	const stuck = definePlugin({
		name: 'stuck',
		setup: (kernel) => void kernel.hook('shutdown', () => new Promise<void>(() => {}))
	});
	const kernel = await startKernel([stuck]);

	const removed = kernel.remove('stuck');
	await kernel.clock.advance(kernel.limits.shutdownTimeout);
	await removed;

	expect(takeErrors(kernel)).toEqual(['kernel RT_PLUGIN_TIMEOUT']);
});

test('a kernel that does not run is not changed', async () => {
	const idle = createKernel({ plugins: [], transport: fakeTransport() });
	const kernel = await startKernel([]);
	await kernel.shutdown();

	await expect(idle.add(busy())).rejects.toThrow('RT_KERNEL_IDLE');
	await expect(kernel.add(busy())).rejects.toThrow('RT_KERNEL_IDLE');
});
