import { describe, expect, test } from 'vitest';
import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import { crons } from 'svelte-realtime/plugins/cron';
import type { Cursor } from 'svelte-realtime/plugins/cursors';
import { live } from 'svelte-realtime';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';
import { SHARED, workers, type SharedBounds } from 'svelte-realtime/plugins/workers';
import { single } from 'svelte-realtime/presets';
import { createTestKernel, provided, settle, VirtualClock } from 'svelte-realtime/testing';
import { createHub, type Hub } from '../../adapter/workers/hub.ts';
import { withShared } from '../../adapter/workers/shared.ts';
import { callsStoreContract } from '../contracts/calls-store.ts';
import { cronStoreContract } from '../contracts/cron-store.ts';
import { cursorStoreContract } from '../contracts/cursor-store.ts';
import { dedupStoreContract } from '../contracts/dedup-store.ts';
import { groupStoreContract } from '../contracts/group-store.ts';
import { instancesLinkContract } from '../contracts/instances-link.ts';
import { lockStoreContract } from '../contracts/lock-store.ts';
import { presenceStoreContract } from '../contracts/presence-store.ts';
import { rateLimiterContract } from '../contracts/rate-limiter.ts';
import { replayLogContract } from '../contracts/replay-log.ts';
import { seeded, seedOf } from '../kernel/random.ts';
import { sessionStoreContract } from '../contracts/session-store.ts';

/** Workers in one process, whose lines take a turn each way, as those between processes do. */
function host(bounds: SharedBounds = {}) {
	// The supervisor outlives the workers of a test, and so do its timers.
	const clocks = [new VirtualClock(), new VirtualClock()] as const;
	const [clock, own] = clocks;
	const random = seeded(seedOf(11));
	const errors: unknown[] = [];
	const hub: Hub = createHub({ clock, report: (error) => errors.push(error) });

	/** Carries lines in order, each a random number of turns later. */
	function pipe(to: (line: string) => void): (line: string) => void {
		let tail = Promise.resolve();
		return (line) => {
			tail = tail.then(async () => {
				for (let turns = random.below(4); turns > 0; turns -= 1) await Promise.resolve();
				to(line);
			});
		};
	}

	async function start(plugins: readonly Plugin[] = [], options: object = {}) {
		let hear: (line: string) => void = () => {};
		const line = hub.join(pipe((text) => hear(text)));
		const delivered: { seq: number; epoch: string; data: unknown; origin: string }[] = [];
		const recorder = definePlugin({
			name: 'recorder',
			setup: (kernel) =>
				void kernel.hook('published', ({ seq, epoch, data, origin }) => {
					delivered.push({ seq, epoch, data, origin });
				})
		});
		const link = {
			send: pipe(line.receive),
			receive: (listener: typeof hear) => void (hear = listener)
		};
		const kernel = await createTestKernel(
			[workers({ link, bounds }), replay(), recorder, ...(plugins as [])],
			{ clock: own, ...options }
		);
		return { kernel, delivered, gone: line.gone, raw: line.receive };
	}

	async function elapse(ms: number): Promise<void> {
		for (const each of clocks) await each.advance(ms);
		await settle();
	}

	return { elapse, hub, errors, start };
}

type Worker = Awaited<ReturnType<ReturnType<typeof host>['start']>>;

/** Three workers of one host. */
async function three(bounds: SharedBounds = {}) {
	const { start, ...rest } = host(bounds);
	const all = [await start(), await start(), await start()] as const;
	return { ...rest, all };
}

const seqs = (frames: readonly { seq: number }[]): number[] => frames.map(({ seq }) => seq);
const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);
const close = async (): Promise<void> => {};

// --- every port does what its contract says ---

replayLogContract('workers', async () => {
	const { kernel } = await host({ size: 5 }).start();
	return { log: kernel.use('replay.log'), size: 5, close };
});

presenceStoreContract('workers', async () => {
	const { all, elapse } = await three();
	const [a, b, c] = all.map(({ kernel }) => kernel.use('presence.store'));
	return { stores: [a!, b!, c!], advance: elapse, close };
});

cursorStoreContract('workers', async () => {
	const { all, elapse } = await three();
	const [one, other] = all.map(({ kernel }) => kernel.use('cursors.store'));
	return { stores: [one!, other!], advance: elapse, close };
});

rateLimiterContract('workers', async () => {
	const { start, elapse } = host({ identities: 20 });
	const { kernel } = await start();
	await elapse(1_700_000_000_123);
	return {
		store: kernel.use('ratelimit.store'),
		identities: 20,
		source: 'shared',
		unit: 1,
		now: () => 0,
		advance: elapse,
		close
	};
});

sessionStoreContract('workers', async () => {
	const { start, elapse } = host();
	const { kernel } = await start();
	return { store: kernel.use('session.store'), elapse, close };
});

dedupStoreContract('workers', async () => {
	const { start, elapse } = host();
	const { kernel } = await start();
	return { store: kernel.use('dedup.store'), elapse, close };
});

callsStoreContract('workers', async () => {
	const { start, elapse } = host();
	const { kernel } = await start();
	return { store: kernel.use('calls.store'), elapse, close };
});

lockStoreContract('workers', async () => {
	const { start, elapse } = host();
	const { kernel } = await start();
	const until = async (isSo: () => boolean): Promise<void> => {
		await settle();
		expect(isSo()).toBe(true);
	};
	return { store: kernel.use('lock.store'), elapse, until, close };
});

cronStoreContract('workers', async () => {
	const { start, elapse } = host();
	const { kernel } = await start();
	await elapse(1_000_000);
	return { store: kernel.use('cron.store'), elapse };
});

groupStoreContract('workers', async () => {
	const { all, elapse } = await three();
	const [one, other] = all.map(({ kernel }) => kernel.use('groups.store'));
	return { stores: [one!, other!], advance: elapse, close };
});

instancesLinkContract('workers', async () => {
	const { all, elapse } = await three();
	const [a, b, c] = all.map(({ kernel }) => {
		const link = kernel.use('instances.link');
		const beat: typeof link.beat = async (ttl) => {
			const told = await link.beat(ttl);
			await elapse(1);
			return told;
		};
		return { ...link, beat, id: kernel.instanceId };
	});
	return { links: [a!, b!, c!], close };
});

test('what a group is survives the way to the supervisor', async () => {
	const { all } = await three();
	const [one, other] = all.map(({ kernel }) => kernel.use('groups.store'));
	const record = { id: '1', meta: { since: new Date(5) }, roles: ['member'] };

	await one!.open('g', record, 1000);

	expect(await other!.find('g')).toEqual(record);
	expect(await other!.find('none')).toBeUndefined();
});

test('the connections of a user are known on every worker, and go with theirs', async () => {
	const { all } = await three();
	const [one, other, third] = all.map(({ kernel }) => kernel.use('registry.store'));
	const put = { user: 'ada', since: 7, hasOthers: false };
	await one!.apply([{ ...put, connection: 'a' }]);
	await other!.apply([
		{ ...put, connection: 'b' },
		{ ...put, connection: 'c' }
	]);

	expect(await third!.connections('ada')).toEqual([
		{ instance: all[0].kernel.instanceId, connection: 'a', since: 7 },
		{ instance: all[1].kernel.instanceId, connection: 'b', since: 7 },
		{ instance: all[1].kernel.instanceId, connection: 'c', since: 7 }
	]);
	await other!.apply([{ ...put, since: undefined, connection: 'b', hasOthers: true }]);
	expect(await third!.count('ada')).toBe(2);
	all[1].gone();
	expect(await third!.count('ada')).toBe(1);
	expect(await third!.count('nobody')).toBe(0);
});

test('a job runs on one worker at each of its times', async () => {
	const { start, elapse } = host();
	const runs: string[] = [];
	for (const name of ['one', 'other', 'third']) {
		const { kernel } = await start([rpc(), crons()]);
		kernel.mount({ jobs: { tick: live.cron('* * * * *', () => void runs.push(name)) } });
	}
	await settle();

	for (let minute = 1; minute <= 3; minute += 1) {
		await elapse(60_000);
		expect(runs).toHaveLength(minute);
	}
});

test('the server itself hears an ephemeral topic that is followed nowhere on its worker', async () => {
	const { start } = host();
	const topics = { heard: 'ephemeral' } as const;
	const [one, other] = [await start([], { topics }), await start([], { topics })];
	const end = await one.kernel.use('topics.bus').follow('heard');

	void other.kernel.publish('heard', 'set', 1);
	await settle();
	expect(one.delivered).toMatchObject([{ data: 1, origin: 'remote' }]);

	end();
	await settle();
	void other.kernel.publish('heard', 'set', 2);
	await settle();
	expect(one.delivered).toHaveLength(1);
});

// --- one order ---

test('what three workers publish at once, all deliver in one order, once', async () => {
	const { all, elapse } = await three();
	const tails = await Promise.all(all.map(({ kernel }) => kernel.use('replay.log').follow('a')));
	const positions: number[] = [];
	for (let n = 0; n < 100; n += 1) {
		for (const [index, { kernel }] of all.entries()) {
			const result = kernel.publish('a', 'created', `${index}:${n}`);
			void Promise.resolve(result).then((told) => {
				if ('position' in told) positions.push(told.position!.seq);
			});
		}
		if (n % 7 === 0) await settle();
	}
	await elapse(0);

	const [first] = all;
	expect(seqs(first.delivered)).toEqual(upTo(300));
	expect(new Set(first.delivered.map(({ data }) => data)).size).toBe(300);
	for (const { delivered } of all) {
		expect(delivered.map(({ data }) => data)).toEqual(first.delivered.map(({ data }) => data));
		expect(delivered.filter(({ origin }) => origin === 'local')).toHaveLength(100);
	}
	for (const tail of tails) expect(tail.head().seq).toBe(300);
	expect(positions.sort((one, other) => one - other)).toEqual(upTo(300));
});

test('a worker that begins to follow while others publish has every frame from its head on', async () => {
	const { all, elapse } = await three();
	const [one, other] = all;
	const heads: number[] = [];
	for (let n = 0; n < 60; n += 1) {
		void one.kernel.publish('a', 'created', n);
		if (n === 20) {
			const log = other.kernel.use('replay.log');
			void Promise.resolve(log.follow('a')).then((tail) => {
				heads.push(tail.head().seq, seqs(tail.last(1000)).at(-1)!);
			});
		}
		if (n % 5 === 0) await settle();
	}
	await elapse(0);

	expect(heads[0]).toBe(heads[1]);
	const seen = seqs(other.delivered);
	expect(seen).toEqual(upTo(60).slice(60 - seen.length));
	expect(seen[0]).toBeLessThanOrEqual(heads[0]! + 1);
});

test('a frame is in the tail when it is delivered', async () => {
	const { start, elapse } = host();
	const [one, other] = [await start(), await start()];
	const tail = await other.kernel.use('replay.log').follow('a');
	const held: number[][] = [];
	other.kernel.use('replay');
	const watch = definePlugin({
		name: 'watch',
		setup: (kernel) =>
			void kernel.hook('published', ({ seq }) => void held.push([seq, tail.head().seq]))
	});
	await other.kernel.add(watch);
	for (let n = 0; n < 3; n += 1) void one.kernel.publish('a', 'e', n);
	await elapse(0);

	expect(held).toEqual([
		[1, 1],
		[2, 2],
		[3, 3]
	]);
	await other.kernel.remove('watch');
});

test('a publish that is repeated under its name is kept once, and told where it is', async () => {
	const { all, elapse } = await three();
	const publish = (worker: Worker): unknown =>
		worker.kernel.use('replay.log').publish!(
			'a',
			'e',
			{ json: '1', devalue: false },
			undefined,
			'x'
		);
	const first = await publish(all[0]);
	const again = await publish(all[1]);
	await elapse(0);

	expect(again).toEqual(first);
	expect(seqs(all[0].delivered)).toEqual([1]);
	expect(all[1].delivered).toEqual([]);
});

test('ephemeral frames reach the workers that follow their topic once, in order, and no others', async () => {
	const { start, elapse } = host();
	const app = {
		of: live.stream(
			(_ctx, topic: string) => topic,
			() => 0,
			{ merge: 'set' }
		)
	};
	const all = [];
	for (let n = 0; n < 3; n += 1) {
		const worker = await start([rpc(), streams()], { topics: { '*': 'ephemeral' } });
		worker.kernel.mount({ app });
		all.push(worker);
	}
	const [one, other, third] = all as [Worker, Worker, Worker];
	const follow = async ({ kernel }: Worker) => (await kernel.connect()).follow('app/of', 'moves');
	const [here, there] = [await follow(one), await follow(other)];
	for (let n = 1; n <= 50; n += 1) void one.kernel.publish('moves', 'set', n);
	await elapse(0);

	for (const { events } of [here, there]) expect(events.map(({ data }) => data)).toEqual(upTo(50));
	expect(third.delivered).toEqual([]);
	for (const { kernel } of all) for (const each of [...kernel.connections]) each.close(1000, '');
	await elapse(0);
	void one.kernel.publish('moves', 'set', 51);
	await elapse(0);
	expect(other.delivered).toHaveLength(50);
});

test('who follows members hears of nothing before the roster is there, and of all that comes after', async () => {
	const { all, elapse } = await three();
	const [one, other] = all;
	for (const { kernel } of all) await kernel.use('presence.store').beat(90_000);
	const heard: unknown[] = [];
	let known: readonly string[] | undefined;
	const following = Promise.resolve(
		other.kernel.use('presence.store').follow('room', {
			changed: ({ joins }) => heard.push([known !== undefined, ...joins.map(({ key }) => key)]),
			replaced: () => heard.push('replaced')
		})
	).then(async ({ roster }) => {
		// As long as it takes whoever asked to put it where it belongs.
		for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
		known = roster.members.map(({ key }) => key);
	});
	for (let n = 0; n < 30; n += 1) {
		void one.kernel.use('presence.store').apply('room', {
			puts: [{ key: `m${n}`, data: {} }],
			removes: []
		});
	}
	await settle();
	await following;
	await elapse(1);

	const later = upTo(30)
		.map((n) => `m${n - 1}`)
		.slice(known!.length);
	expect(later.length).toBeGreaterThan(0);
	expect(heard).toEqual(later.map((key) => [true, key]));
});

// --- the end of a worker ---

test('what a worker had goes with it, at once', async () => {
	const { all, elapse, hub } = await three();
	const [stays, goes] = all;
	const heard: unknown[] = [];
	for (const { kernel } of all) {
		await kernel.use('presence.store').beat(90_000);
		await kernel.use('instances.link').beat(15_000);
	}
	await stays.kernel.use('presence.store').follow('room', {
		changed: ({ joins, leaves }) => heard.push([joins.map(({ key }) => key), leaves]),
		replaced: () => heard.push('replaced')
	});
	const puts = [{ key: 'ada', data: {} }];
	await goes.kernel.use('presence.store').apply('room', { puts, removes: [] });
	const cursor: Cursor = { key: 'c', data: 1 };
	await goes.kernel.use('cursors.store').save('room', { puts: [cursor], removes: [] });
	await goes.kernel.use('lock.store').acquire('key', 'goes', 60_000);
	await goes.kernel.use('replay.log').follow('a');
	let freed = 0;
	await stays.kernel.use('lock.store').watch('key', () => void (freed += 1));

	goes.gone();
	await elapse(0);

	expect(heard).toEqual([
		[['ada'], []],
		[[], ['ada']]
	]);
	expect(await stays.kernel.use('presence.store').count('room')).toBe(0);
	expect(await stays.kernel.use('cursors.store').list('room')).toEqual([]);
	expect(await stays.kernel.use('lock.store').acquire('key', 'stays', 1000)).toHaveProperty(
		'fence'
	);
	expect(freed).toBe(1);
	expect(await stays.kernel.use('instances.link').alive()).not.toContain(goes.kernel.instanceId);
	expect(await stays.kernel.use('instances.link').beat(15_000)).toMatchObject({
		gone: [goes.kernel.instanceId]
	});
	expect(hub.size).toBe(2);
});

test('a worker that shuts down says so, and takes its leave before its pipe breaks', async () => {
	const { all, elapse, hub } = await three();
	await all[0].kernel.end();
	await elapse(0);

	expect(hub.size).toBe(2);
});

// --- bad input ---

test('what is no line of ours harms nobody', async () => {
	const { start, errors } = host();
	const one = await start();
	const lines = ['', 'x', '[', '[1]', '[1,"log"]', '[1,"log","constructor"]', '[1,"toString","x"]'];
	for (const line of [
		...lines,
		'P',
		'P\tx',
		'P\tx\ta\t\t[\t1',
		'E',
		'F\ta',
		'[1,"log","follow"]'
	]) {
		one.raw(line);
	}
	const { status } = (await one.kernel.publish('a', 'e', 1)) as { status: string };

	expect(status).toBe('ok');
	expect(errors.length).toBeGreaterThan(0);
});

test('publishes beyond what may wait are refused', async () => {
	const { start, elapse } = host();
	const { kernel } = await start();
	const log = kernel.use('replay.log');
	const results = Array.from(
		{ length: 10_001 },
		() => log.publish!('a', 'e', { json: '1', devalue: false }) as object
	);

	expect(results.at(-1)).toEqual({ status: 'rejected', code: 'QUEUE_FULL' });
	await elapse(0);
	await Promise.all(results);
});

// --- which ports a worker takes from its supervisor ---

describe('the plugins of a worker', () => {
	const link = { send() {}, receive() {} };
	const portsOf = (preset: readonly Plugin[]): readonly string[] | undefined =>
		withShared(preset, link, preset).find(({ name }) => name === 'workers')?.provides;

	test('have everything from the supervisor where the app says nothing else', () => {
		expect(portsOf(single())).toEqual([...SHARED, 'topics.bus']);
		expect(withShared(single(), undefined, single()).map(({ name }) => name)).not.toContain(
			'workers'
		);
	});

	test('have from it what no plugin of the app provides', () => {
		const log = provided('replay.log', {} as never);
		const rest = SHARED.filter((port) => port !== 'replay.log');

		expect(portsOf([...single(), log])).toEqual(rest);
	});

	test('have nothing from it where the app shares it all', () => {
		const list = SHARED.map((port) => provided(port, {} as never));

		expect(portsOf(list)).toBe(undefined);
	});

	test('have it as large as the preset says', async () => {
		const sent: string[] = [];
		const told = { send: (line: string) => void sent.push(line), receive() {} };
		const preset = single({ replay: { size: 7 }, session: { size: 8 } });
		const [plugin] = withShared(preset, told, preset);
		await createTestKernel([plugin as never]);

		expect(JSON.parse(sent[0]!)[4]).toMatchObject({ size: 7, sessions: 8 });
	});
});
