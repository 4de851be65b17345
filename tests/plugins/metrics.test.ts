import prom from 'prom-client';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { live, LiveError, pipe, type MetricsRegistry } from 'svelte-realtime';
import { definePlugin, deny } from 'svelte-realtime/kernel';
import { crons } from 'svelte-realtime/plugins/cron';
import { METRICS, metrics } from 'svelte-realtime/plugins/metrics';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { signals } from 'svelte-realtime/plugins/signals';
import { streams } from 'svelte-realtime/plugins/streams';
import { settle, type TestConnection } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

const refusing = definePlugin({
	name: 'refusing',
	setup(kernel) {
		kernel.hook('upgrade', ({ request }) =>
			request.headers['from'] === 'eve' ? deny('FORBIDDEN') : undefined
		);
	}
});

const functions = {
	fine: live(v.number(), (_ctx, n) => n),
	slow: live(() => new Promise<void>(() => {})),
	broken: live(() => {
		throw new Error('mine');
	}),
	refused: live(() => {
		throw new LiveError('CONFLICT');
	}),
	missing: live(() => {
		throw { status: 404, body: { message: 'Not there' } };
	}),
	rows: live.stream('rows', () => [])
};

async function start(modules: object = {}) {
	const register = new prom.Registry();
	const kernel = await startKernel([
		metrics(),
		refusing,
		rpc(),
		replay(),
		streams(),
		signals(),
		crons()
	]);
	const source = { ...prom, register };
	const mount = (counted = live.metrics(source)): void =>
		kernel.mount({ app: { ...functions, ...modules, counted } });
	mount();
	/** `labels value` of each series of a metric. */
	const read = async (name: string): Promise<string[]> => {
		const { values } = (await register.getSingleMetric(`svelte_realtime_${name}`)!.get()) as {
			values: { labels: object; value: number; metricName?: string }[];
		};
		return values
			.filter(({ metricName = '' }) => !/_(bucket|count)$/.test(metricName))
			.map(({ labels, value }) => [...Object.values(labels), value].join(' '));
	};
	const call = (client: TestConnection, path: unknown, ...args: unknown[]): Promise<void> =>
		client.call(path as string, ...args).then(
			() => {},
			() => {}
		);
	return { kernel, register, source, mount, read, call };
}

test('calls are counted by path and outcome, and failures by the code that the caller is told', async () => {
	const { kernel, read, call } = await start();
	const ada = await kernel.connect();

	await call(ada, 'app/fine', 1);
	await call(ada, 'app/fine', 2);
	await call(ada, 'app/fine', 'no number');
	for (const name of ['broken', 'refused', 'missing']) await call(ada, `app/${name}`);
	takeErrors(kernel);

	expect(await read('rpc_total')).toEqual([
		'app/fine ok 2',
		'app/fine error 1',
		'app/broken error 1',
		'app/refused error 1',
		'app/missing error 1'
	]);
	expect(await read('rpc_errors_total')).toEqual([
		'app/fine VALIDATION 1',
		'app/broken INTERNAL_ERROR 1',
		'app/refused CONFLICT 1',
		'app/missing HTTP_404 1'
	]);
});

test('codes that an app makes up without end are folded', async () => {
	const coded = live((_ctx, code: string) => {
		throw new LiveError(code as 'CONFLICT');
	});
	const { kernel, read, call } = await start({ coded });
	const ada = await kernel.connect();

	for (let n = 0; n < 150; n += 1) await call(ada, 'app/coded', `MINE_${n}`);

	const series = await read('rpc_errors_total');
	expect(series).toHaveLength(101);
	expect(series).toContain('app/coded __other__ 50');
});

test('how long they took is in seconds', async () => {
	let end = (): void => {};
	const waiting = live(() => new Promise<void>((resolve) => (end = resolve)));
	const { kernel, read, call } = await start({ waiting });
	const ada = await kernel.connect();

	const done = call(ada, 'app/waiting');
	await settle();
	await kernel.clock.advance(1500);
	end();
	await done;

	expect(await read('rpc_duration_seconds')).toContain('app/waiting 1.5');
});

test('what a client makes up becomes no label', async () => {
	const { kernel, read, call } = await start();
	const ada = await kernel.connect();

	for (let n = 0; n < 50; n += 1) await call(ada, `made/up${n}`);
	for (const path of ['../etc', 'one', '', 'a/b\n', 7, null, 'x/'.repeat(200)]) {
		await call(ada, path);
	}
	await call(ada, 'app/__proto__');

	expect(await read('rpc_total')).toEqual(['__unknown__ error 51', '__invalid__ error 7']);
});

test('subscriptions count as long as they are followed, and connections as long as they are open', async () => {
	const { kernel, read } = await start();
	const user = { user: { id: 'ada' } };
	const [ada, bob] = [await kernel.connect(user), await kernel.connect()];

	const rows = await ada.follow('app/rows');
	await bob.follow('app/rows');
	expect(await read('stream_subscriptions')).toEqual(['2']);
	expect(await read('connections')).toEqual(['2']);
	await rows.end();
	await bob.leave();

	expect(await read('stream_subscriptions')).toEqual(['0']);
	expect(await read('connections')).toEqual(['1']);
	expect(await read('rpc_total')).toEqual(['app/rows ok 2']);
});

test('events, limits and refused connections are counted', async () => {
	const { kernel, read } = await start();

	void kernel.publish('rows', 'created', { id: 1 });
	void kernel.publish('', 'x');
	await expect(kernel.connect({}, { headers: { from: 'eve' } })).rejects.toThrow();

	expect(await read('published_total')).toEqual(['logged local 1']);
	expect(await read('limited_total')).toEqual(['topic 1']);
	expect(await read('upgrades_refused_total')).toEqual(['FORBIDDEN 1']);
});

test('deliveries count each connection that an event goes to, in whatever shape it follows', async () => {
	const rows = live.stream('rows', () => [] as { id: number }[]);
	const odd = pipe(
		live.stream('rows', () => [] as { id: number }[]),
		pipe.filter(({ id }: { id: number }) => id % 2 === 1)
	);
	const { kernel, read } = await start({ rows, odd });
	for (const path of ['app/rows', 'app/rows', 'app/odd']) {
		await (await kernel.connect()).follow(path);
	}

	await kernel.publish('rows', 'created', { id: 1 });
	await kernel.publish('nobody', 'created', { id: 1 });

	expect(await read('published_total')).toEqual(['logged local 2']);
	expect(await read('deliveries_total')).toEqual(['logged 3']);
});

test('clients that come back are counted by how they were brought up to date', async () => {
	const versioned = live.stream('rows', () => [] as { id: number }[], {
		delta: { version: () => 2, diff: () => [{ id: 1 }] }
	});
	const { kernel, read } = await start({ versioned });
	const ada = await kernel.connect();
	const { position } = (await kernel.publish('rows', 'created', { id: 1 })) as never;
	const back = (id: number, path: string, since: object, version?: number) =>
		ada.send({ type: 'stream', id, path, since, ...(version && { version }) });

	await back(1, 'app/rows', position);
	await back(2, 'app/rows', { epoch: 'another', seq: 1 });
	await back(3, 'app/versioned', { epoch: 'another', seq: 1 }, 1);
	await ada.follow('app/rows');

	expect(await read('resumes_total')).toEqual(['recovered  1', 'reset epoch 1', 'delta  1']);
});

test('a send buffer that was full is counted when it has drained', async () => {
	const { kernel, read } = await start();
	const ada = await kernel.connect();

	kernel.drain(ada.connection);

	expect(await read('drop_episodes_total')).toEqual(['1']);
});

test('runs of jobs are counted, those that fail as well', async () => {
	let isDown = false;
	const job = live.cron('* * * * *', () => {
		if (isDown) throw new Error('down');
	});
	const { kernel, read } = await start({ job });

	await kernel.clock.advance(60_000);
	isDown = true;
	await kernel.clock.advance(60_000);
	takeErrors(kernel);

	expect(await read('cron_total')).toEqual(['app/job ok 1', 'app/job error 1']);
	expect(await read('cron_errors_total')).toEqual(['app/job 1']);
});

test('a module that is saved again counts nothing twice, and loses nothing', async () => {
	const { kernel, mount, read, call, source, register } = await start();
	const ada = await kernel.connect();
	await call(ada, 'app/fine', 1);

	mount();
	mount(live.metrics({ ...source, register }));
	await call(ada, 'app/fine', 1);

	expect(await read('rpc_total')).toEqual(['app/fine ok 2']);
	expect(await read('connections')).toEqual(['1']);
});

test('without a declaration nothing is listened to, and nothing is after it is gone', async () => {
	const { kernel, read, call } = await start();
	const ada = await kernel.connect();
	const listening = () => kernel.describe().match(/^ +\w+: .*\bmetrics\b.*$/gm);
	expect(listening()!.length).toBeGreaterThan(5);

	kernel.mount({ app: functions });
	await call(ada, 'app/fine', 1);

	expect(listening()).toEqual([expect.stringContaining('shutdown:')]);
	expect(await read('rpc_total')).toEqual([]);
	expect(await read('connections')).toEqual(['0']);
});

test('a registry that fails changes nothing, and the operator is told', async () => {
	const broken = () => {
		throw new Error('full');
	};
	const registry: MetricsRegistry = {
		counter: () => ({ inc: broken }),
		histogram: () => ({ observe: broken }),
		gauge: () => ({ inc: broken, dec: broken })
	};
	const { kernel, mount } = await start();
	mount(live.metrics(registry));

	const ada = await kernel.connect();
	expect(await ada.call('app/fine', 3)).toBe(3);
	await expect(kernel.connect({}, { headers: { from: 'eve' } })).rejects.toThrow('FORBIDDEN');
	await kernel.publish('rows', 'x');

	// Of each of them the first error.
	kernel.mount({ app: functions });
	const told = takeErrors(kernel);
	expect(new Set(told)).toEqual(new Set(['metrics Error: full']));
	expect(told.length).toBeLessThan(Object.keys(METRICS).length);
});

test('a registry that cannot make metrics keeps no live module from being served', async () => {
	const counter = () => {
		throw new Error('no');
	};
	const { kernel, mount } = await start();
	mount(live.metrics({ counter, histogram: counter, gauge: counter }));

	const ada = await kernel.connect();

	expect(await ada.call('app/fine', 3)).toBe(3);
	expect(takeErrors(kernel)).toEqual(['metrics Error: no']);
});

test('what makes no metrics is refused where it is declared', () => {
	for (const wrong of [undefined, {}, { counter() {} }, { Counter: prom.Counter }]) {
		expect(() => live.metrics(wrong as never)).toThrow(/RT_LIVE_ARGUMENTS.*live.metrics/);
	}
});

test('a client cannot call it', async () => {
	const { kernel } = await start();
	const ada = await kernel.connect();

	await expect(ada.call('app/counted')).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
});
