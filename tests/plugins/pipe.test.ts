import { definePlugin, live, pipe, type LiveContext } from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { settle, type ReceivedFrame } from 'svelte-realtime/testing';
import { describe, expect, test } from 'vitest';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

interface Note {
	readonly id: number;
	readonly done: boolean;
	readonly by?: string;
}

const note = (id: number, done = false, by = 'a'): Note => ({ id, done, by });
const undone = pipe.filter(({ done }: Note) => !done);

async function following(exports: Record<string, unknown>) {
	const kernel = await startKernel(single());
	kernel.use('rpc').mount({ test: exports });
	return { kernel, ada: await kernel.connect() };
}

const ask = (id: number, name: string, more: object = {}): object => ({
	type: 'stream',
	id,
	path: `test/${name}`,
	...more
});
const eventsOf = (frames: readonly ReceivedFrame[]): unknown[] =>
	frames.filter(({ type }) => type === 'event').map(({ event, data, seq }) => [event, data, seq]);
const answerTo = (frames: readonly ReceivedFrame[], id: number): ReceivedFrame =>
	frames.findLast((frame) => frame['id'] === id)!;
const eventsIn = ({ events }: ReceivedFrame): unknown[] =>
	(events as { event: string; data: unknown; seq?: number }[]).map(({ event, data, seq }) => [
		event,
		data,
		seq
	]);

describe('a filtered list', () => {
	const secret = (id: number): object => ({ ...note(id, true), text: 'secret' });

	test('is told of an item that it leaves out by its key, under its own number', async () => {
		const list = live.stream('list', () => [note(1), note(2, true)]);
		const { kernel, ada } = await following({ open: pipe(list, undone) });
		await ada.send(ask(1, 'open'));
		await settle();

		void kernel.publish('list', 'created', note(3));
		void kernel.publish('list', 'created', secret(4));
		void kernel.publish('list', 'updated', secret(1));
		void kernel.publish('list', 'updated', note(4));
		void kernel.publish('list', 'deleted', secret(4));
		void kernel.publish('list', 'moved', secret(4));

		expect(answerTo(ada.received, 1)['data']).toEqual([note(1)]);
		expect(eventsOf(ada.received)).toEqual([
			['created', note(3), 1],
			['created', { id: 4, __gone: true }, 2],
			['updated', { id: 1, __gone: true }, 3],
			['updated', note(4), 4],
			['deleted', { id: 4 }, 5],
			['moved', undefined, 6]
		]);
		expect(JSON.stringify(ada.received)).not.toContain('secret');
	});

	test('is made once for all who have the same arguments, and each has its own', async () => {
		let count = 0;
		const list = live.stream(
			(_ctx: LiveContext, _by: string) => 'list',
			() => [note(1), note(2, false, 'b')]
		);
		const mine = pipe(
			list,
			pipe.filter((item, by) => {
				count += 1;
				return item.by === by;
			})
		);
		const { kernel, ada } = await following({ mine });
		const others = [await kernel.connect(), await kernel.connect()];
		await ada.send(ask(1, 'mine', { args: ['a'] }));
		for (const other of others) await other.send(ask(1, 'mine', { args: ['b'] }));
		await settle();
		count = 0;

		void kernel.publish('list', 'created', note(3, false, 'b'));

		expect(count).toBe(2);
		expect(answerTo(ada.received, 1)['data']).toEqual([note(1)]);
		expect(eventsOf(ada.received)).toEqual([['created', { id: 3, __gone: true }, 1]]);
		for (const { received } of others) {
			expect(answerTo(received, 1)['data']).toEqual([note(2, false, 'b')]);
			expect(eventsOf(received)).toEqual([['created', note(3, false, 'b'), 1]]);
		}
	});

	test('is continued with what was missed, filtered as it would have been', async () => {
		const { kernel, ada } = await following({
			open: pipe(
				live.stream('list', () => [note(1)]),
				undone
			)
		});
		void kernel.publish('list', 'created', note(2));
		await ada.send(ask(1, 'open'));
		await settle();
		const { epoch, seq } = answerTo(ada.received, 1) as unknown as { epoch: string; seq: number };
		void kernel.publish('list', 'created', note(3, true));
		void kernel.publish('list', 'created', note(4));

		await ada.send(ask(2, 'open', { since: { epoch, seq } }));
		await settle();

		const answer = answerTo(ada.received, 2);
		expect(answer.type).toBe('stream:recovered');
		expect(eventsIn(answer)).toEqual([
			['created', { id: 3, __gone: true }, 2],
			['created', note(4), 3]
		]);
	});

	test('of what the log holds, is looked for as far back as that goes', async () => {
		const latest = live.stream('list', null, { merge: 'latest', max: 2 });
		const open = pipe(
			latest,
			pipe.filter((item) => !(item as Note).done)
		);
		const { kernel, ada } = await following({ open });
		void kernel.publish('list', 'said', note(1));
		void kernel.publish('list', 'said', 'not an item');
		for (const id of [2, 3]) void kernel.publish('list', 'said', note(id, true));
		await ada.send(ask(1, 'open'));
		await settle();

		const answer = answerTo(ada.received, 1);
		expect([answer['merge'], answer['of']]).toEqual(['piped', 'latest']);
		expect(eventsIn(answer)).toEqual([
			['said', note(1), 1],
			['said', 'not an item', 2],
			['said', { id: 2, __gone: true }, 3],
			['said', { id: 3, __gone: true }, 4]
		]);
	});

	test('is asked for again, and not less, when its question fails', async () => {
		const list = live.stream('list', () => [note(1)]);
		const test = ({ id }: Note): boolean => {
			if (id === 13) throw new Error('not that one');
			return true;
		};
		const { kernel, ada } = await following({ picky: pipe(list, pipe.filter(test)) });
		await ada.send(ask(1, 'picky'));
		await settle();
		const { epoch } = answerTo(ada.received, 1) as unknown as { epoch: string };

		void kernel.publish('list', 'created', note(13));
		void kernel.publish('list', 'created', note(14));
		await settle();
		const refusal = answerTo(ada.received, 1);
		await ada.send(ask(2, 'picky', { since: { epoch, seq: 0 } }));
		await settle();

		expect(eventsOf(ada.received)).toEqual([]);
		expect(refusal).toMatchObject({ error: { code: 'SERVICE_UNAVAILABLE' } });
		// What was missed cannot be had either; the list as it is now can.
		expect(answerTo(ada.received, 2)).toMatchObject({
			type: 'stream:snapshot',
			seq: 2,
			reset: 'truncated'
		});
		expect(takeErrors(kernel)).toEqual(['streams RT_PIPE_FAILED', 'streams RT_PIPE_FAILED']);
	});

	test('that asks asynchronously shows nothing, since a promise is true of everything', async () => {
		const list = live.stream('list', () => [note(1)]);
		const { kernel, ada } = await following({
			slow: pipe(list, pipe.filter((async () => false) as never))
		});
		await ada.send(ask(1, 'slow'));
		await settle();

		expect(answerTo(ada.received, 1)).toMatchObject({ error: { code: 'SERVICE_UNAVAILABLE' } });
		expect(takeErrors(kernel)).toEqual(['streams RT_PIPE_FAILED']);
	});
});

/** People who are looked up, each when the test says. */
function directory() {
	const asked: unknown[] = [];
	const waiting: (() => void)[] = [];
	const person = (name: unknown): Promise<string> => {
		asked.push(name);
		return new Promise((resolve) => waiting.push(() => resolve(String(name).toUpperCase())));
	};
	return {
		asked,
		person,
		answer: async (at = 0): Promise<void> => {
			waiting.splice(at, 1)[0]!();
			await settle();
		}
	};
}

describe('a joined list', () => {
	const list = live.stream('list', () => [note(1), note(2), note(3, true, 'b')]);
	const joined = (item: Note): object => ({ ...item, person: item.by!.toUpperCase() });

	test('looks each value up once, for what is loaded and for an event', async () => {
		const { asked, person, answer } = directory();
		const { kernel, ada } = await following({
			notes: pipe(list, pipe.join('by', person, 'person'))
		});
		const bo = await kernel.connect();
		await ada.send(ask(1, 'notes'));
		await settle();
		await answer();
		await answer();
		await bo.send(ask(1, 'notes'));
		await settle();
		await answer();
		await answer();

		void kernel.publish('list', 'created', note(4));
		await answer();

		expect(asked).toEqual(['a', 'b', 'a', 'b', 'a']);
		for (const { received } of [ada, bo]) {
			expect(answerTo(received, 1)['data']).toEqual(
				[note(1), note(2), note(3, true, 'b')].map(joined)
			);
			expect(eventsOf(received)).toEqual([['created', joined(note(4)), 1]]);
		}
	});

	test('asks for all values at once where it is told to', async () => {
		const asked: unknown[] = [];
		const people = (names: readonly string[]): string[] => {
			asked.push(names);
			return names.map((name) => name.toUpperCase());
		};
		const { ada } = await following({
			notes: pipe(list, pipe.join('by', people as never, 'person', { batch: true }))
		});
		await ada.send(ask(1, 'notes'));
		await settle();

		expect(asked).toEqual([['a', 'b']]);
		expect(answerTo(ada.received, 1)['data']).toEqual(
			[note(1), note(2), note(3, true, 'b')].map(joined)
		);
	});

	test('sends events in their order, whichever was looked up first', async () => {
		const { person, answer } = directory();
		const { kernel, ada } = await following({
			notes: pipe(
				live.stream('list', () => []),
				pipe.join('by' as never, person as never, 'person')
			)
		});
		await ada.send(ask(1, 'notes'));
		await settle();

		void kernel.publish('list', 'created', note(1, false, 'a'));
		void kernel.publish('list', 'created', note(2, false, 'b'));
		void kernel.publish('list', 'deleted', { id: 1 });
		await answer(1);
		expect(eventsOf(ada.received)).toEqual([]);
		await answer();

		expect(eventsOf(ada.received)).toEqual([
			['created', joined(note(1, false, 'a')), 1],
			['created', joined(note(2, false, 'b')), 2],
			['deleted', { id: 1 }, 3]
		]);
	});

	test('whoever comes while something is looked up gets all of it, once, and in order', async () => {
		const { person, answer } = directory();
		const { kernel, ada } = await following({
			notes: pipe(
				live.stream('list', () => []),
				pipe.join('by' as never, person as never, 'person')
			)
		});
		const bo = await kernel.connect();
		await ada.send(ask(1, 'notes'));
		await settle();
		void kernel.publish('list', 'created', note(1, false, 'a'));

		await bo.send(ask(1, 'notes'));
		await settle();
		void kernel.publish('list', 'created', note(2, false, 'b'));
		await answer(1);
		await answer();

		const after = bo.received.findIndex(({ type }) => type === 'stream:snapshot');
		expect(bo.received[after]).toMatchObject({ seq: 1 });
		expect(eventsOf(bo.received.slice(after))).toEqual([
			['created', joined(note(2, false, 'b')), 2]
		]);
	});

	test('the first to come misses nothing of what happens while its answer is looked up', async () => {
		const { person, answer } = directory();
		let loaded = (): void => {};
		const load = async (): Promise<Note[]> => {
			await new Promise<void>((resolve) => (loaded = resolve));
			return [];
		};
		const { kernel, ada } = await following({
			notes: pipe(live.stream('list', load), pipe.join('by', person as never, 'person'))
		});
		await ada.send(ask(1, 'notes'));
		await settle();
		void kernel.publish('list', 'created', note(1, false, 'a'));
		loaded();
		await settle();

		void kernel.publish('list', 'created', note(2, false, 'b'));
		await answer(1);
		await answer();

		expect(eventsIn(answerTo(ada.received, 1))).toEqual([
			['created', joined(note(1, false, 'a')), 1]
		]);
		expect(eventsOf(ada.received)).toEqual([['created', joined(note(2, false, 'b')), 2]]);
	});

	test('says null where nothing belongs to a value, and where there is no value', async () => {
		const { ada } = await following({
			notes: pipe(
				live.stream('list', () => [{ id: 1 }, { id: 2, by: 'x' }] as Note[]),
				pipe.join('by', () => undefined, 'person')
			)
		});
		await ada.send(ask(1, 'notes'));
		await settle();

		expect(answerTo(ada.received, 1)['data']).toEqual([
			{ id: 1, person: null },
			{ id: 2, by: 'x', person: null }
		]);
	});

	test.each([
		['fails', () => Promise.reject(new Error('no database'))],
		['never answers', () => new Promise<string>(() => {})]
	])(
		'is asked for again when a look-up %s, and what is behind it waits for nobody',
		async (_, late) => {
			let isDown = false;
			const person = (name: string): Promise<string> =>
				isDown ? late() : Promise.resolve(name.toUpperCase());
			const { kernel, ada } = await following({
				notes: pipe(
					live.stream('list', () => [note(1)]),
					pipe.join('by', person, 'person')
				)
			});
			await ada.send(ask(1, 'notes'));
			await settle();

			isDown = true;
			void kernel.publish('list', 'created', note(2));
			isDown = false;
			await kernel.clock.advance(5000);
			await settle();
			const refusal = answerTo(ada.received, 1);
			await ada.send(ask(2, 'notes'));
			await settle();
			void kernel.publish('list', 'created', note(3));
			await settle();

			expect(refusal).toMatchObject({ error: { code: 'SERVICE_UNAVAILABLE' } });
			expect(answerTo(ada.received, 2)).toMatchObject({ type: 'stream:snapshot', seq: 1 });
			expect(eventsOf(ada.received)).toEqual([['created', joined(note(3)), 2]]);
			expect(takeErrors(kernel)).toEqual(['streams RT_PIPE_FAILED']);
		}
	);
});

describe('what is piped', () => {
	test('a value that is replaced is transformed as a whole', async () => {
		const best = pipe(
			live.stream('list', () => [note(3), note(1), note(2, true)] as Note[], { merge: 'set' }),
			undone,
			pipe.sort('id'),
			pipe.limit(2)
		);
		const { kernel, ada } = await following({ best });
		await ada.send(ask(1, 'best'));
		await settle();

		void kernel.publish('list', 'set', [note(9), note(8, true), note(7), note(6)]);
		void kernel.publish('list', 'set', null);

		expect(answerTo(ada.received, 1)).toMatchObject({ merge: 'set', data: [note(1), note(3)] });
		expect(eventsOf(ada.received)).toEqual([
			['set', [note(6), note(7)], 1],
			['set', null, 2]
		]);
	});

	test('a value without items is an error that says so, and not shown as it is', async () => {
		const odd = pipe(
			live.stream('list', () => ({ secret: 1 }) as never, { merge: 'set' }),
			undone
		);
		const { kernel, ada } = await following({ odd });
		await ada.send(ask(1, 'odd'));
		await settle();

		expect(JSON.stringify(ada.received)).not.toContain('secret');
		expect(takeErrors(kernel)).toEqual(['streams RT_PIPE_FAILED']);
	});

	test('a derived value is piped like any other', async () => {
		const kernel = await startKernel(single());
		const sums = live.derived(['source'], () => [note(1), note(2, true)]);
		kernel.use('rpc').mount({ test: { sums: pipe(sums, undone) } });
		const ada = await kernel.connect();
		await ada.send(ask(1, 'sums'));
		await settle();

		expect(answerTo(ada.received, 1)['data']).toEqual([note(1)]);
	});

	test('called on the server it returns what a page would get at first', async () => {
		const person = async (name: string): Promise<string> => name.toUpperCase();
		const list = live.stream('list', () => [note(1, true), note(2), note(3)]);
		const piped = pipe(
			pipe(list, undone, pipe.sort('id', 'desc'), pipe.limit(1)),
			pipe.join('by', person, 'person')
		);

		expect(await piped({} as LiveContext)).toEqual([{ ...note(3), person: 'A' }]);
	});

	test('a page that is rendered shows the same, and a list with a limit no more than that', async () => {
		const list = live.stream('list', () => [
			note(1, true),
			...Array.from({ length: 40 }, (_, at) => note(at + 2))
		]);
		const kernel = await startKernel(single());
		kernel.use('rpc').mount({
			test: { best: pipe(list, undone, pipe.sort('id', 'desc'), pipe.limit(2)) }
		});
		const request = { url: '/', headers: {}, ip: '::1', origin: 'http://test' };

		const seed = await kernel.use('streams').load('test/best', [], request);

		expect(seed.value).toEqual([note(41), note(40)]);
		expect(seed).toMatchObject({ merge: 'piped', of: 'crud', limit: 2 });
	});

	test.each(['crud', 'set'] as const)(
		'what iterates over it on the server gets it transformed, whatever happens (%s)',
		async (merge) => {
			let rows = [note(1), note(2, true)];
			const source = live.stream('list', () => rows, { merge: merge as 'set' });
			const kernel = await startKernel(single());
			const named = pipe(
				source,
				pipe.join('by', (name) => name.toUpperCase(), 'person')
			);
			const open = pipe(source, undone);
			kernel.use('rpc').mount({ test: { open, named } });
			const request = { url: '/', headers: {}, ip: '::1', origin: 'http://test' };
			const iterators = ['open', 'named'].map((name) =>
				kernel.use('streams').iterate(`test/${name}`, [], request)
			);
			for (const iterator of iterators) await iterator.next();

			rows = [note(1), note(2, true), note(3), note(4, true)];
			const [event, data] = merge === 'set' ? ['set', rows] : ['created', note(4, true)];
			void kernel.publish('list', event as string, data);
			/** The first value after the change: the one before may be given again. */
			const changed = async (at: number, count: number): Promise<unknown> => {
				for (;;) {
					const { value } = await iterators[at]!.next();
					if ((value as unknown[]).length === count) return value;
				}
			};

			expect(await changed(0, 2)).toEqual([note(1), note(3)]);
			expect(await changed(1, 4)).toEqual(rows.map((row) => ({ ...row, person: 'A' })));
			for (const iterator of iterators) await iterator.return!();
		}
	);

	test('a migration is handed what is left, and what is joined', async () => {
		const list = live.stream('list', () => [note(1, true), note(2)], {
			version: 2,
			migrate: { 1: (item: Note & { person: string }) => ({ id: item.id, who: item.person }) }
		});
		const { kernel, ada } = await following({
			notes: pipe(
				list,
				undone,
				pipe.join('by', async (name) => name.toUpperCase(), 'person')
			)
		});
		await ada.send(ask(1, 'notes@1'));
		await settle();

		void kernel.publish('list', 'created', note(3));
		await settle();

		expect(answerTo(ada.received, 1)['data']).toEqual([{ id: 2, who: 'A' }]);
		expect(eventsOf(ada.received)).toEqual([['created', { id: 3, who: 'A' }, 1]]);
	});

	test('a stream without a pipe is sent as it is, on its own topic', async () => {
		const { ada } = await following({ list: live.stream('list', () => [note(1)]) });
		await ada.send(ask(1, 'list'));
		await settle();

		expect(answerTo(ada.received, 1)).toMatchObject({ topic: 'list', merge: 'crud' });
	});

	test('what clients chose is let go of when the last of them leaves', async () => {
		let topics: string[] = [];
		const spy = definePlugin({
			name: 'spy',
			setup: (kernel) => void kernel.hook('published', ({ topic }) => void topics.push(topic))
		});
		const kernel = await startKernel([...single(), spy] as ReturnType<typeof single>);
		const list = live.stream(
			(_ctx: LiveContext, _by: string) => 'list',
			() => [note(1)]
		);
		const tests: unknown[] = [];
		kernel.use('rpc').mount({
			test: {
				mine: pipe(
					list,
					pipe.filter((_item, by) => tests.push(by) > 0)
				)
			}
		});
		const ada = await kernel.connect();
		const names = new Set<unknown>();
		for (const id of [1, 2, 3]) {
			await ada.send(ask(id, 'mine', { args: ['a'] }));
			await settle();
			names.add(answerTo(ada.received, id)['topic']);
			await ada.send({ type: 'stream:end', id });
		}
		tests.length = 0;

		void kernel.publish('list', 'created', note(2));

		expect(topics).toEqual(['list']);
		expect(tests).toEqual([]);
		expect(names.size).toBe(3);
	});
});

describe('a pipe is refused where it makes no sense', () => {
	const list = live.stream('list', () => [note(1)]);
	const cases: readonly (readonly [string, () => unknown, string])[] = [
		['around a function', () => pipe(live(() => 1) as never, undone), 'a stream made by'],
		['around nothing live', () => pipe((() => 1) as never, undone), 'a stream made by'],
		['around presence', () => pipe(live.presence('a') as never, undone), 'live.presence()'],
		['of what is no transform', () => pipe(list, ((item: Note) => item) as never), 'pipe.filter'],
		[
			'with a filter behind a limit',
			() => pipe(list, pipe.sort('id'), pipe.limit(1), undone),
			'in front'
		],
		['with a limit and no order', () => pipe(list, pipe.limit(1)), 'pipe.sort()'],
		[
			'with an order for the latest',
			() =>
				pipe(
					live.stream('list', () => [note(1)], { merge: 'latest' }),
					pipe.sort('id')
				),
			'latest'
		],
		[
			'with an order and a max',
			() =>
				pipe(
					live.stream('list', () => [note(1)], { max: 5 }),
					pipe.sort('id')
				),
			'pipe.limit()'
		],
		['with a filter that is none', () => pipe.filter('done' as never), 'pipe.filter()'],
		['with a limit of nothing', () => pipe.limit(0), 'pipe.limit()'],
		['with a direction that is none', () => pipe.sort('id' as never, 'up' as never), "'asc'"],
		['with a join under no name', () => pipe.join('by' as never, () => 1, ''), 'pipe.join()']
	];
	test.each(cases)('%s', (_, make, why) => {
		expect(make).toThrow(why);
	});

	test('around a loader of pages, when only a whole list has an order', async () => {
		const pages = live.stream('list', () => ({ data: [note(1)], hasMore: true, cursor: 1 }));
		const { kernel, ada } = await following({ sorted: pipe(pages, pipe.sort('id')) });
		await ada.send(ask(1, 'sorted'));
		await settle();

		expect(answerTo(ada.received, 1)).toMatchObject({ error: { code: 'INTERNAL_ERROR' } });
		expect(takeErrors(kernel)).toEqual(['rpc RT_PIPE_PAGES']);
	});
});
