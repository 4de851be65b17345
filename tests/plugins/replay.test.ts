import { describe, expect, test } from 'vitest';
import {
	definePlugin,
	type EncodedValue,
	type Plugin,
	type PublishResult
} from 'svelte-realtime/kernel';
import {
	memoryLog,
	replay,
	type MemoryLogOptions,
	type ReplayLog
} from 'svelte-realtime/plugins/replay';
import { provided, settle } from 'svelte-realtime/testing';
import { replayLogContract } from '../contracts/replay-log.ts';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

const BOUNDS: MemoryLogOptions = { size: 5, topicBytes: 1e6, bytes: 1e6, topics: 1000 };

replayLogContract('memory', async () => ({
	log: memoryLog(BOUNDS),
	size: BOUNDS.size,
	close: async () => {}
}));

/** A memory log whose appends are answered later, as a store's would be. */
function slowly(log: ReplayLog): ReplayLog {
	return {
		...log,
		append: async (...args) => {
			const position = await log.append(...args);
			await settle();
			return position;
		}
	};
}

replayLogContract('memory, answered later', async () => ({
	log: slowly(memoryLog(BOUNDS)),
	size: BOUNDS.size,
	close: async () => {}
}));

// --- bounds of the memory log ---

const text = (length: number): EncodedValue => ({
	json: `"${'x'.repeat(length - 2)}"`,
	devalue: false
});

describe('the memory log', () => {
	/** A log whose calls answer at once, as those of the memory log do. */
	function bounded(bounds: Partial<MemoryLogOptions>) {
		const log = memoryLog({ ...BOUNDS, ...bounds });
		return {
			append: (topic: string, value: EncodedValue = text(10)) => {
				const position = log.append(topic, 'e', value);
				if (position instanceof Promise) throw new Error('the memory log answered later');
				return position;
			},
			follow: (topic: string) => {
				const tail = log.follow(topic);
				if (tail instanceof Promise) throw new Error('the memory log answered later');
				return tail;
			}
		};
	}

	test('lets go of the oldest frames of a topic past its bytes', () => {
		const { append, follow } = bounded({ size: 100, topicBytes: 4000 });
		const { epoch } = append('a', text(1000));
		for (let i = 0; i < 9; i += 1) append('a', text(1000));

		const tail = follow('a');

		expect(tail.last(100).map(({ seq }) => seq)).toEqual([8, 9, 10]);
		expect(tail.since({ epoch, seq: 6 })).toBe('truncated');
		expect(tail.head().seq).toBe(10);
	});

	test('a frame larger than a topic may be is numbered and let go', () => {
		const { append, follow } = bounded({ topicBytes: 1000 });

		const position = append('a', text(5000));
		const tail = follow('a');

		expect(position.seq).toBe(1);
		expect(tail.since(position)).toEqual([]);
		expect(tail.since({ ...position, seq: 0 })).toBe('truncated');
	});

	test('past its bytes in all, the topics used longest ago let go first, and keep their position', () => {
		const { append, follow } = bounded({ bytes: 5000 });
		const old = append('old', text(1000));
		append('middle', text(1000));
		append('new', text(1000));
		append('old', text(1000)); // used again: now `middle` is the oldest

		append('new', text(1000));

		expect(follow('middle').last(9)).toHaveLength(0);
		expect(follow('middle').head().seq).toBe(1);
		expect(follow('old').since(old)).toHaveLength(1);
		expect(follow('new').last(9)).toHaveLength(2);
	});

	test('emptied topics fill again', () => {
		const { append, follow } = bounded({ bytes: 3000 });
		append('a', text(1000));
		for (let i = 0; i < 3; i += 1) append('b', text(1000));
		expect(follow('a').last(9)).toHaveLength(0);

		const again = append('a', text(1000));

		expect(again.seq).toBe(2);
		expect(
			follow('a')
				.last(9)
				.map(({ seq }) => seq)
		).toEqual([2]);
		expect(
			follow('b')
				.last(9)
				.map(({ seq }) => seq)
		).toEqual([3]);
	});

	test('a topic that was forgotten begins anew, in another epoch', () => {
		const { append, follow } = bounded({ topics: 2 });
		const first = append('a');
		append('b');
		append('c'); // forgets `a`

		expect(follow('a').since(first)).toBe('epoch');
		const second = append('a');
		expect(second.seq).toBe(1);
		expect(second.epoch).not.toBe(first.epoch);
		expect(follow('a').since(first)).toBe('epoch');
	});

	test('a position from before the first publish is not valid once the topic was forgotten', () => {
		const { append, follow } = bounded({ topics: 2 });
		const tail = follow('a');
		const beginning = tail.head();
		tail.close();
		append('a');
		append('b');
		append('c'); // forgets `a`, and with it a frame that came after `beginning`

		expect(follow('a').since(beginning)).toBe('epoch');
		append('a');
		expect(follow('a').since(beginning)).toBe('epoch');
	});

	test('a position of another process is not valid, not even one of a topic without frames', () => {
		const before = bounded({}).follow('a').head();
		const after = bounded({});

		expect(after.follow('a').since(before)).toBe('epoch');
		after.append('a');
		expect(after.follow('a').since(before)).toBe('epoch');
	});

	test('a followed topic is never forgotten, with frames or without', () => {
		const { append, follow } = bounded({ topics: 2 });
		const [full, empty] = [follow('full'), follow('empty')];
		const beginning = empty.head();
		const position = append('full');

		for (let i = 0; i < 20; i += 1) append(`other ${i}`);

		expect(full.head()).toEqual(position);
		expect(full.since({ ...position, seq: 0 })).toHaveLength(1);
		expect(empty.since(beginning)).toEqual([]);
		append('empty');
		expect(empty.since(beginning)).toHaveLength(1);
	});

	test('a topic that nobody follows any more can be forgotten', () => {
		const { append, follow } = bounded({ topics: 2 });
		const [one, two] = [follow('a'), follow('a')];
		const position = append('a');
		one.close();
		two.close();
		append('b');
		append('c');

		expect(follow('a').since(position)).toBe('epoch');
	});

	test('at its limit of bytes an append does not cost the number of topics', () => {
		/** Milliseconds of appends beside so many topics that have let go of everything. */
		const cost = (emptied: number): number => {
			const { append } = bounded({ bytes: 3000, topics: 1e6 });
			for (let i = 0; i < emptied; i += 1) append(`topic ${i}`, text(500));
			const begun = performance.now();
			for (let i = 0; i < 20_000; i += 1) append('hot', text(500));
			return performance.now() - begun;
		};
		cost(10); // warms up

		// Walking past the emptied ones each time costs hundreds of times as much.
		expect(cost(20_000)).toBeLessThan(cost(10) * 25);
	});
});

// --- the plugin ---

test.each(['size', 'topicBytes', 'bytes', 'topics'])(
	'a wrong %s is RT_OPTION_INVALID',
	(option) => {
		for (const wrong of [0, -1, 1.5, NaN, Infinity, '5']) {
			expect(() => replay({ [option]: wrong })).toThrow(
				expect.objectContaining({ code: 'RT_OPTION_INVALID' })
			);
			expect(() => replay({ [option]: wrong })).toThrow(`"${option}" of replay()`);
		}
	}
);

test('frames of logged topics are numbered, those of ephemeral ones are not', async () => {
	const kernel = await startKernel([replay()], { topics: { 'cursor:*': 'ephemeral' } });

	expect(kernel.publish('news', 'e')).toMatchObject({ status: 'ok', position: { seq: 1 } });
	expect(kernel.publish('news', 'e')).toMatchObject({ status: 'ok', position: { seq: 2 } });
	expect(kernel.publish('cursor:1', 'e')).toEqual({ status: 'ok', level: 'local' });
});

test('what is rejected takes no number', async () => {
	const kernel = await startKernel([replay()]);

	expect(kernel.publish('news', 'e', () => {})).toMatchObject({ status: 'rejected' });
	expect(kernel.publish('news', 'e', 1)).toMatchObject({ position: { seq: 1 } });
	expect(takeErrors(kernel)).toEqual(['replay RT_VALUE_UNSERIALIZABLE']);
});

test('the service hands out what was published, from any position', async () => {
	const kernel = await startKernel([replay({ size: 3 })]);
	const { follow, range } = kernel.use('replay');
	const tail = await follow('news');
	const beginning = tail.head();

	for (let i = 1; i <= 4; i += 1) void kernel.publish('news', `e${i}`, i);

	expect(tail.last(9).map(({ event }) => event)).toEqual(['e2', 'e3', 'e4']);
	expect(await range('news', beginning)).toBe('truncated');
	expect(await range('news', { ...tail.head(), seq: 1 })).toHaveLength(3);
	tail.close();
});

test('the epoch is new at each start of the process', async () => {
	const epochs = await Promise.all(
		[1, 2].map(async () => {
			const tail = await (await startKernel([replay()])).use('replay').follow('news');
			return tail.head().epoch;
		})
	);

	expect(epochs[0]).not.toBe(epochs[1]);
});

test('a log that answers later keeps the order of publishing', async () => {
	const waiting: (() => void)[] = [];
	const memory = memoryLog(BOUNDS);
	const log: ReplayLog = {
		...memory,
		append: async (...args) => {
			const position = await memory.append(...args);
			await new Promise<void>((resolve) => waiting.push(resolve));
			return position;
		}
	};
	const kernel = await startKernel([provided('replay.log', log), replay()]);
	const ada = await kernel.connect();
	ada.connection.follow('news');

	const results = ['a', 'b', 'c'].map((event) => kernel.publish('news', event));
	await settle();
	for (const answer of waiting.reverse()) {
		answer();
		await settle();
	}

	expect(await Promise.all(results)).toMatchObject([1, 2, 3].map((seq) => ({ position: { seq } })));
	expect(ada.received.map(({ event, seq }) => [event, seq])).toEqual([
		['a', 1],
		['b', 2],
		['c', 3]
	]);
});

test('a log that fails rejects the publish, is reported, and lets the topic go on', async () => {
	const memory = memoryLog(BOUNDS);
	const log: ReplayLog = {
		...memory,
		append: async (topic, event, value) => {
			if (event === 'bad') throw new Error('store is gone');
			return memory.append(topic, event, value);
		}
	};
	const kernel = await startKernel([provided('replay.log', log), replay()]);

	const results = ['a', 'bad', 'c'].map((event) => kernel.publish('news', event));

	expect(await Promise.all(results)).toMatchObject([
		{ position: { seq: 1 } },
		{ status: 'rejected', code: 'INTERNAL_ERROR' },
		{ position: { seq: 2 } }
	]);
	expect(takeErrors(kernel)).toEqual(['replay Error: store is gone']);
});

test('a log that publishes by itself is left to deliver', async () => {
	const memory = memoryLog(BOUNDS);
	const stored: PublishResult[] = [];
	/** A log that delivers every frame back, in its order, to this instance too. */
	const delivering: Plugin = definePlugin({
		name: 'delivering',
		provides: ['replay.log'],
		setup(kernel) {
			kernel.provide('replay.log', {
				...memory,
				async publish(topic, event, value) {
					const position = await memory.append(topic, event, value);
					await settle();
					kernel.deliver({ topic, event, value, ...position, origin: 'remote' });
					const result: PublishResult = { status: 'ok', level: 'store', position };
					stored.push(result);
					return result;
				}
			});
		}
	});
	const kernel = await startKernel([delivering, replay()]);
	const ada = await kernel.connect();
	ada.connection.follow('news');

	const results = [kernel.publish('news', 'a', 1), kernel.publish('news', 'b', 2)];
	expect(ada.received).toEqual([]);
	const answers = await Promise.all(results);

	expect(answers).toEqual(stored);
	expect(answers).toMatchObject([
		{ level: 'store', position: { seq: 1 } },
		{ position: { seq: 2 } }
	]);
	expect(ada.received.map(({ event, seq, data }) => [event, seq, data])).toEqual([
		['a', 1, 1],
		['b', 2, 2]
	]);
});
