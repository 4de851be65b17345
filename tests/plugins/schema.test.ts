import { describe, expect, test } from 'vitest';
import { definePlugin, live, LiveError, type LiveContext, type Plugin } from 'svelte-realtime';
import { memoryLog, replay, type ReplayLog, type Tail } from 'svelte-realtime/plugins/replay';
import { single } from 'svelte-realtime/presets';
import { provided, settle, type ReceivedFrame } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from '../kernel/tracked.ts';
import { tailWith } from './tail-with.ts';

/** The present shape, and what pages of versions 2 and 1 take an item for. */
interface Note {
	readonly id: number;
	readonly text: { readonly body: string };
}

const note = (id: number, body = 'a'): Note => ({ id, text: { body } });
const second = (id: number, body = 'a'): object => ({ id, body });
const first = (id: number, body = 'a'): object => ({ id, title: body });

const migrate = {
	2: ({ id, text }: Note) => ({ id, body: text.body }),
	1: ({ id, body }: { id: number; body: string }) => ({ id, title: body })
};
const versions = { version: 3, migrate };

async function following(exports: Record<string, unknown>, plugins: readonly Plugin[] = []) {
	const names = new Set(plugins.map(({ name }) => name));
	const preset = single().filter(({ name }) => !names.has(name));
	const kernel = await startKernel([...preset, ...plugins] as ReturnType<typeof single>);
	kernel.use('rpc').mount({ test: exports });
	return { kernel, ada: await kernel.connect() };
}

const ask = (id: number, name: string, more: object = {}): object => ({
	type: 'stream',
	id,
	path: `test/${name}`,
	...more
});
const failure = (id: number, code: string): object =>
	expect.objectContaining({ type: 'reply', id, error: expect.objectContaining({ code }) });
const dataOf = (frames: readonly ReceivedFrame[]): unknown[] => frames.map(({ data }) => data);
const eventsIn = ({ events }: ReceivedFrame): unknown => events;

describe('what a page of an older build is sent', () => {
	test('a snapshot is in the version that the path names, each step after the other', async () => {
		const { ada } = await following({ list: live.stream('list', () => [note(1)], versions) });

		await ada.send(ask(1, 'list@1'), ask(2, 'list@2'), ask(3, 'list@3'));
		await settle();

		const value = ({ id, data }: ReceivedFrame): unknown => [id, data];
		expect(ada.received.map(value).sort()).toEqual([
			[1, [first(1)]],
			[2, [second(1)]],
			[3, [note(1)]]
		]);
	});

	test('a page that names no version was built for the first one', async () => {
		const { ada } = await following({ list: live.stream('list', () => [note(1)], versions) });

		await ada.send(ask(1, 'list'));
		await settle();

		expect(dataOf(ada.received)).toEqual([[first(1)]]);
	});

	test('what is published while the value is loaded comes with it, in the same version', async () => {
		let going!: () => void;
		const load = async (): Promise<Note[]> => {
			await new Promise<void>((resolve) => (going = resolve));
			return [note(1)];
		};
		const { kernel, ada } = await following({ list: live.stream('list', load, versions) });

		await ada.send(ask(1, 'list@2'));
		void kernel.publish('list', 'created', note(2));
		going();
		await settle();

		expect(ada.received.map(eventsIn)).toEqual([[{ event: 'created', data: second(2), seq: 1 }]]);
	});

	test('live frames have the numbers of the topic, and the name that the answer gave', async () => {
		const { kernel, ada } = await following({
			list: live.stream('list', (): Note[] => [], versions)
		});
		await ada.send(ask(1, 'list@1'));
		await settle();
		const [answer] = ada.take();

		void kernel.publish('list', 'created', note(1), { op: 'o' });
		void kernel.publish('list', 'updated', note(1, 'b'));
		void kernel.publish('list', 'deleted', { id: 1 });
		void kernel.publish('list', 'set', [note(4)]);

		const frame = { type: 'event', topic: answer!['topic'] };
		const { epoch } = answer!;
		expect(answer!['topic']).toMatch(/^__/);
		expect(ada.received).toEqual([
			{ ...frame, event: 'created', data: first(1), seq: 1, epoch, op: 'o' },
			{ ...frame, event: 'updated', data: first(1, 'b'), seq: 2 },
			{ ...frame, event: 'deleted', data: { id: 1 }, seq: 3 },
			{ ...frame, event: 'set', data: [first(4)], seq: 4 }
		]);
	});

	test.each([
		['the tail', false],
		['the log', true]
	])('what a returning page missed is in its version, read from %s', async (_, isFar) => {
		const log = memoryLog({ size: 9, topicBytes: 1e6, bytes: 1e6, topics: 9 });
		let isAway = false;
		const far: ReplayLog = {
			...log,
			follow(topic) {
				const tail = log.follow(topic) as Tail;
				// It holds only what is newer than the two that are missed.
				const since: Tail['since'] = (at) => (isAway && at.seq < 2 ? 'truncated' : tail.since(at));
				return tailWith(tail, { since });
			}
		};
		const list = live.stream('list', (): Note[] => [], versions);
		const { kernel, ada } = await following({ list }, [provided('replay.log', far)]);
		await ada.send(ask(1, 'list@1'));
		await settle();
		const { epoch } = ada.take()[0]!;
		void kernel.publish('list', 'created', note(1));
		void kernel.publish('list', 'created', note(2));

		isAway = isFar;
		const bob = await kernel.connect();
		await bob.send(ask(1, 'list@2', { since: { epoch, seq: 1 } }));
		await settle();
		void kernel.publish('list', 'created', note(3));

		expect(bob.received).toEqual([
			expect.objectContaining({
				type: 'stream:recovered',
				events: [{ event: 'created', data: second(2), seq: 2 }]
			}),
			expect.objectContaining({ type: 'event', data: second(3), seq: 3 })
		]);
		expect(bob.received[0]!['topic']).toBe(bob.received[1]!['topic']);
	});

	test('changes of a delta are in its version, and so is what came after them', async () => {
		const list = live.stream('list', () => [note(1)], {
			...versions,
			delta: {
				version: () => 7,
				diff: () => {
					void kernel.publish('list', 'created', note(4));
					return [note(5), { id: 6, _deleted: true }];
				}
			}
		});
		const { kernel, ada } = await following({ list }, [replay({ size: 1 })]);
		for (const id of [1, 2, 3]) void kernel.publish('list', 'created', note(id));

		await ada.send(ask(1, 'list@2', { since: { epoch: 'other', seq: 1 }, version: 6 }));
		await settle();

		expect(ada.received).toEqual([
			expect.objectContaining({
				type: 'stream:delta',
				events: [
					{ event: 'created', data: second(5) },
					{ event: 'deleted', data: { id: 6 } },
					{ event: 'created', data: second(4), seq: 4 }
				]
			})
		]);
	});

	test('a page is in its version, and so is what came while it was read', async () => {
		let going: (() => void) | undefined;
		const load = async ({ cursor }: Pick<LiveContext, 'cursor'>) => {
			if (cursor === null) return { data: [note(1)], hasMore: true, cursor: 1 };
			await new Promise<void>((resolve) => (going = resolve));
			return { data: [note(2)], hasMore: false };
		};
		const { kernel, ada } = await following({ list: live.stream('list', load, versions) });
		await ada.send(ask(1, 'list@2'));
		await settle();
		ada.take();

		await ada.send({ type: 'stream:more', id: 2, stream: 1, cursor: 1 });
		void kernel.publish('list', 'updated', note(2, 'b'));
		going!();
		await settle();

		expect(ada.received.at(-1)).toMatchObject({
			type: 'stream:page',
			data: [second(2)],
			events: [{ event: 'updated', data: second(2, 'b'), seq: 1 }]
		});
	});

	test('the value of `set`, and the items of `latest`, are what is migrated', async () => {
		const { kernel, ada } = await following({
			one: live.stream('one', () => note(1), { merge: 'set', ...versions }),
			log: live.stream('log', null, { merge: 'latest', ...versions })
		});
		void kernel.publish('log', 'said', note(1));

		await ada.send(ask(1, 'one@2'));
		await ada.send(ask(2, 'log@1'));
		await settle();
		void kernel.publish('one', 'anything', note(2));
		void kernel.publish('log', 'said', note(2));

		const [one, log, ...frames] = ada.received;
		expect(one).toMatchObject({ data: second(1) });
		expect(eventsIn(log!)).toEqual([{ event: 'said', data: first(1), seq: 1 }]);
		expect(dataOf(frames)).toEqual([second(2), first(2)]);
	});

	test('a loader that hands out its own objects finds them as they were', async () => {
		const own = [{ id: 1, text: { body: 'a' } }];
		const { ada } = await following({
			list: live.stream('list', () => own, {
				version: 2,
				migrate: { 1: (item) => Object.assign(item, { id: 9, text: 'gone' }) }
			})
		});

		await ada.send(ask(1, 'list@1'));
		await settle();

		expect(dataOf(ada.received)).toEqual([[{ id: 9, text: 'gone' }]]);
		expect(own).toEqual([note(1)]);
	});

	test('a date is a date in a migration, wherever it comes from', async () => {
		const seen: unknown[] = [];
		const { kernel, ada } = await following({
			list: live.stream('list', () => [{ id: 1, at: new Date(1) }], {
				version: 2,
				migrate: { 1: ({ id, at }) => (seen.push(at), { id }) }
			})
		});

		await ada.send(ask(1, 'list'));
		await settle();
		void kernel.publish('list', 'created', { id: 2, at: new Date(2) });

		expect(seen).toEqual([new Date(1), new Date(2)]);
		expect(dataOf(ada.received)).toEqual([[{ id: 1 }], { id: 2 }]);
	});
});

describe('beside each other', () => {
	test('each follower is sent each frame once, in its own version', async () => {
		const { kernel, ada } = await following({
			list: live.stream('list', (): Note[] => [], versions)
		});
		const [bob, cy] = [await kernel.connect(), await kernel.connect()];
		await ada.send(ask(1, 'list@1'));
		await bob.send(ask(1, 'list@2'), ask(2, 'list@3'));
		await cy.send(ask(1, 'list@1'));
		await settle();
		for (const { take } of [ada, bob, cy]) take();

		void kernel.publish('list', 'created', note(1));

		expect(dataOf(ada.received)).toEqual([first(1)]);
		expect(dataOf(cy.received)).toEqual([first(1)]);
		expect(dataOf(bob.received)).toEqual([note(1), second(1)]);
	});

	test('a frame is migrated once for all of a version, and only while somebody follows it', async () => {
		let runs = 0;
		const list = live.stream('list', (): Note[] => [], {
			version: 2,
			migrate: { 1: (item) => ((runs += 1), item) }
		});
		const { kernel, ada } = await following({ list });
		const bob = await kernel.connect();
		const published = (): number => {
			runs = 0;
			void kernel.publish('list', 'created', note(1));
			return runs;
		};

		const before = published();
		for (const who of [ada, bob]) await who.send(ask(1, 'list@1'), ask(2, 'list@1'));
		await settle();
		const two = published();
		await bob.leave();
		const one = published();
		await ada.send({ type: 'stream:end', id: 1 });
		const half = published();
		await ada.send({ type: 'stream:end', id: 2 });
		const none = published();

		expect([before, two, one, half, none]).toEqual([0, 1, 1, 1, 0]);
		expect([...kernel.transport.topics.values()].every(({ size }) => size === 0)).toBe(true);
	});

	test('two streams of one topic have versions of their own', async () => {
		const { kernel, ada } = await following({
			list: live.stream('list', (): Note[] => [], versions),
			ids: live.stream('list', (): Note[] => [], {
				version: 2,
				migrate: { 1: ({ id }) => ({ id }) }
			})
		});
		await ada.send(ask(1, 'list@1'));
		await ada.send(ask(2, 'ids@1'));
		await settle();
		ada.take();

		void kernel.publish('list', 'created', note(1));

		expect(dataOf(ada.received)).toEqual([first(1), { id: 1 }]);
	});

	test('gates and notices hear of the topic only, once however it is followed', async () => {
		const log: string[] = [];
		const spy = definePlugin({
			name: 'spy',
			setup({ hook }) {
				hook('subscribe', ({ topic }) => void log.push(`gate ${topic}`));
				hook('subscribed', ({ topic }) => void log.push(`in ${topic}`));
				hook('unsubscribe', ({ topic }) => void log.push(`out ${topic}`));
			}
		});
		const { ada } = await following({ list: live.stream('list', () => [], versions) }, [spy]);

		await ada.send(ask(1, 'list@1'));
		await ada.send(ask(2, 'list@3'));
		await settle();
		await ada.send({ type: 'stream:end', id: 2 });
		await ada.send(ask(3, 'list@2'));
		await settle();
		await ada.leave();

		expect(log).toEqual(['gate list', 'in list', 'gate list', 'gate list', 'out list']);
	});

	test('an ephemeral frame that spares its sender spares it in every version', async () => {
		let ada: Awaited<ReturnType<typeof following>>['ada'];
		const list = live.stream('list', (): Note[] => [], versions);
		const kernel = await startKernel(single(), { topics: { list: 'ephemeral' } });
		kernel.use('rpc').mount({ test: { list } });
		ada = await kernel.connect();
		const bob = await kernel.connect();
		for (const who of [ada, bob]) await who.send(ask(1, 'list@1'));
		await settle();
		for (const who of [ada, bob]) who.take();

		void kernel.publish('list', 'created', note(1), { except: ada.connection });

		expect(ada.received).toEqual([]);
		expect(dataOf(bob.received)).toEqual([first(1)]);
	});

	test('a page is told of a lost frame under the name that it knows', async () => {
		const { kernel, ada } = await following({ list: live.stream('list', () => [], versions) });
		await ada.send(ask(1, 'list@1'));
		await settle();
		const { topic } = ada.take()[0]!;
		ada.socket.status = 'dropped';
		void kernel.publish('list', 'created', note(1));
		ada.socket.status = 'sent';

		kernel.drain(ada.connection);

		expect(ada.received).toEqual([
			{ type: 'stream:heads', heads: [expect.objectContaining({ topic, seq: 1 })] }
		]);
	});
});

describe('what cannot be had', () => {
	test.each([
		['list', 'STALE'],
		['list@1', 'STALE'],
		['list@4', 'STALE'],
		['list@0', 'INVALID_REQUEST'],
		['list@', 'INVALID_REQUEST'],
		['list@x', 'INVALID_REQUEST'],
		['list@2.5', 'INVALID_REQUEST'],
		['list@-2', 'INVALID_REQUEST'],
		['list@2@2', 'INVALID_REQUEST'],
		['list@99999999999999999999', 'INVALID_REQUEST'],
		['list@toString', 'INVALID_REQUEST'],
		['plain@2', 'STALE'],
		['other@2', 'NOT_FOUND']
	])('%s is refused with %s, for good', async (name, code) => {
		const { kernel, ada } = await following({
			list: live.stream('list', () => [], { version: 3, migrate: { 2: migrate[2] } }),
			plain: live.stream('plain', () => [])
		});

		await ada.send(ask(1, name));
		await settle();
		void kernel.publish('list', 'created', note(1));

		expect(ada.received).toEqual([failure(1, code)]);
		expect(new LiveError(code).retryable).toBe(false);
	});

	test('a stream without versions is what its first version is', async () => {
		const { ada } = await following({ plain: live.stream('plain', () => [1]) });

		await ada.send(ask(1, 'plain@1'));
		await settle();

		expect(dataOf(ada.received)).toEqual([[1]]);
	});

	const broken = (fails: (item: Note) => boolean, rest: Note[] = []) =>
		live.stream('list', () => rest, {
			version: 2,
			migrate: {
				1: (item: Note) => {
					if (fails(item)) throw new Error('no');
					return item;
				}
			}
		});

	test('a value that a migration fails for is refused and reported', async () => {
		const { kernel, ada } = await following({ list: broken(() => true, [note(1)]) });

		await ada.send(ask(1, 'list@1'), ask(2, 'list@2'));
		await settle();

		expect(ada.received).toEqual([
			expect.objectContaining({ id: 2, data: [note(1)] }),
			failure(1, 'STALE')
		]);
		expect(takeErrors(kernel)).toEqual(['streams RT_STREAM_MIGRATE']);
	});

	test('a frame that a migration fails for ends the streams that need it, and no others', async () => {
		const { kernel, ada } = await following({ list: broken(({ id }) => id === 2) });
		const bob = await kernel.connect();
		await ada.send(ask(1, 'list@1'), ask(2, 'list@2'));
		await bob.send(ask(1, 'list@1'));
		await settle();
		for (const { take } of [ada, bob]) take();

		for (const id of [1, 2, 3]) void kernel.publish('list', 'created', note(id));
		await settle();
		void kernel.publish('list', 'created', note(4));

		const present = ada.received.filter(({ topic }) => topic === 'list');
		expect(dataOf(present)).toEqual([1, 2, 3, 4].map((id) => note(id)));
		expect(bob.received).toEqual([
			expect.objectContaining({ data: note(1), seq: 1 }),
			failure(1, 'STALE')
		]);
		expect(takeErrors(kernel)).toEqual(['streams RT_STREAM_MIGRATE']);
	});

	test('who asks again after that goes on, and who had left before hears nothing of it', async () => {
		const { kernel, ada } = await following({ list: broken(({ id }) => id === 2) });
		const bob = await kernel.connect();
		for (const who of [ada, bob]) await who.send(ask(1, 'list@1'));
		await settle();
		await bob.send({ type: 'stream:end', id: 1 });
		bob.take();
		void kernel.publish('list', 'created', note(2));
		await settle();
		ada.take();

		await ada.send(ask(2, 'list@1'));
		await settle();
		void kernel.publish('list', 'created', note(3));

		expect(dataOf(ada.received)).toEqual([[], note(3)]);
		expect(bob.received).toEqual([]);
		expect(takeErrors(kernel)).toEqual(['streams RT_STREAM_MIGRATE']);
	});

	test('what is no item reaches no migration', async () => {
		const { kernel, ada } = await following({
			list: live.stream('list', (): Note[] => [], versions),
			log: live.stream('log', null, { merge: 'latest', ...versions })
		});
		await ada.send(ask(1, 'list@1'), ask(2, 'log@1'));
		await settle();
		ada.take();

		for (const topic of ['list', 'log']) {
			void kernel.publish(topic, 'created', null);
			void kernel.publish(topic, 'created');
		}
		void kernel.publish('list', 'created', 'text');
		void kernel.publish('list', 'set', null);

		expect(dataOf(ada.received)).toEqual([null, undefined, null, undefined, 'text', null]);
	});

	test('what was missed and a migration fails for is refused, and nothing is loaded for it', async () => {
		let loads = 0;
		const list = live.stream('list', () => ((loads += 1), []), {
			version: 2,
			migrate: { 1: () => Promise.reject(new Error('no')) }
		});
		const { kernel, ada } = await following({ list });
		await ada.send(ask(1, 'list@2'));
		await settle();
		const { epoch } = ada.take()[0]!;
		void kernel.publish('list', 'created', note(1));

		await ada.send(ask(2, 'list@1', { since: { epoch, seq: 0 } }));
		await settle();

		expect(ada.received.at(-1)).toEqual(failure(2, 'STALE'));
		expect(loads).toBe(1);
		expect(takeErrors(kernel)).toEqual(['streams RT_STREAM_MIGRATE']);
	});
});

describe('a declaration is refused', () => {
	const step = (item: unknown): unknown => item;
	test.each<[string, object, string]>([
		['with a version that is none', { version: 0 }, 'version'],
		['with half a version', { version: 1.5 }, 'version'],
		['with a version that is text', { version: '3', migrate: { 2: step } }, 'version'],
		['with migrations and no version', { migrate: { 1: step } }, 'version'],
		['with a hole', { version: 4, migrate: { 1: step, 3: step } }, 'without 2'],
		['without the last step', { version: 3, migrate: { 1: step } }, 'without 2'],
		['with a step to the present version', { version: 2, migrate: { 2: step } }, 'migrate.2'],
		['with a step that is no version', { version: 2, migrate: { a: step } }, 'migrate.a'],
		['with a step that is no function', { version: 2, migrate: { 1: 'x' } }, 'migrate.1'],
		['where members are merged', { version: 2, merge: 'presence' }, 'version']
	])('%s', (_, options, named) => {
		const declare = (): unknown => live.stream('list', () => [], options);

		expect(declare).toThrow(expect.objectContaining({ code: 'RT_OPTION_INVALID' }));
		expect(declare).toThrow(named);
	});

	test('and not where the oldest pages are simply left behind', () => {
		expect(() => live.stream('list', () => [], { version: 3 })).not.toThrow();
		expect(() => live.stream('list', () => [], { version: 3, migrate: { 2: step } })).not.toThrow();
	});
});
