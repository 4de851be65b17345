/** What every log of topics must do, whatever keeps it. */

import { expect, test } from 'vitest';
import type { EncodedValue, Position } from 'svelte-realtime/kernel';
import type { LogEntry, ReplayLog } from 'svelte-realtime/plugins/replay';
import { until } from '../servers/until.ts';

export interface LogUnderTest {
	readonly log: ReplayLog;
	/** Frames that it keeps of one topic. */
	readonly size: number;
	close(): Promise<void>;
	/** Has its store lose a topic; absent where none can. */
	readonly lose?: (topic: string) => Promise<unknown>;
}

const value = (n: number): EncodedValue => ({ json: String(n), devalue: false });
const seqs = (entries: readonly LogEntry[] | string): unknown =>
	typeof entries === 'string' ? entries : entries.map(({ seq }) => seq);
const upTo = (last: number, first = 1): number[] =>
	Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** @param makeLog A fresh, empty log that keeps a small number of frames. */
export function replayLogContract(name: string, makeLog: () => Promise<LogUnderTest>): void {
	/** Runs `body` with a log of its own, and frames by their number. */
	const contract = (
		claim: string,
		body: (
			under: LogUnderTest & { append(topic: string, count?: number): Promise<Position> }
		) => Promise<void>
	): void => {
		test(`${name}: ${claim}`, async () => {
			const under = await makeLog();
			let n = 0;
			const append = async (topic: string, count = 1): Promise<Position> => {
				let position: Position | undefined;
				for (let i = 0; i < count; i += 1) {
					position = await under.log.append(topic, 'e', value((n += 1)));
				}
				return position!;
			};
			try {
				await body({ ...under, append });
			} finally {
				await under.close();
			}
		});
	};

	contract(
		'frames of a topic are numbered from 1 without gaps, in one epoch',
		async ({ append }) => {
			const positions = [await append('a'), await append('a'), await append('a')];

			expect(positions.map(({ seq }) => seq)).toEqual([1, 2, 3]);
			expect(new Set(positions.map(({ epoch }) => epoch)).size).toBe(1);
		}
	);

	contract('appends that are made at once keep the order of their calls', async ({ log }) => {
		const results = upTo(20).map((n) => log.append('a', `e${n}`, value(n)));

		expect((await Promise.all(results)).map(({ seq }) => seq)).toEqual(upTo(20));
	});

	contract('topics are numbered apart', async ({ append }) => {
		await append('a', 3);

		expect((await append('b')).seq).toBe(1);
		expect((await append('a')).seq).toBe(4);
	});

	contract('names of prototypes are topics like others', async ({ log, append }) => {
		for (const topic of ['__proto__', 'constructor', 'toString']) {
			expect((await append(topic)).seq).toBe(1);
			const tail = await log.follow(topic);
			expect(tail.last(5)).toHaveLength(1);
			tail.close();
		}
	});

	contract('a frame is kept as it was given', async ({ log }) => {
		const given: EncodedValue = { json: '[["Date","2020-01-01T00:00:00.000Z"]]', devalue: true };
		await log.append('a', 'größe', given);
		await log.append('a', 'nothing', { json: undefined, devalue: false });

		const tail = await log.follow('a');

		expect(tail.last(2)).toMatchObject([
			{ seq: 1, event: 'größe', value: given },
			{ seq: 2, event: 'nothing', value: { devalue: false } }
		]);
		expect(tail.last(2)[1]!.value.json).toBeUndefined();
	});

	contract(
		'a topic that nobody has published to begins where its first frame continues',
		async ({ log, append }) => {
			const tail = await log.follow('a');
			const beginning = tail.head();
			expect(beginning.seq).toBe(0);
			expect(tail.since(beginning)).toEqual([]);
			expect(await log.range('a', beginning)).toEqual([]);
			expect(tail.last(10)).toEqual([]);

			await append('a', 2);

			expect(seqs(tail.since(beginning))).toEqual([1, 2]);
			expect(seqs(await log.range('a', beginning))).toEqual([1, 2]);
		}
	);

	contract(
		'a tail has what was there before, and each frame as soon as it is appended',
		async ({ log, append }) => {
			await append('a', 2);
			const tail = await log.follow('a');
			expect(tail.head().seq).toBe(2);

			const third = await append('a');

			expect(tail.head()).toEqual(third);
			expect(seqs(tail.since({ ...third, seq: 0 }))).toEqual([1, 2, 3]);
			expect(seqs(tail.since({ ...third, seq: 2 }))).toEqual([3]);
			expect(seqs(tail.last(2))).toEqual([2, 3]);
			expect(seqs(tail.last(10))).toEqual([1, 2, 3]);
			expect(seqs(tail.last(Infinity))).toEqual([1, 2, 3]);
			expect(tail.last(0)).toEqual([]);
		}
	);

	contract('nothing comes after the head', async ({ log, append }) => {
		const head = await append('a', 3);
		const tail = await log.follow('a');

		expect(tail.since(head)).toEqual([]);
		expect(await log.range('a', head)).toEqual([]);
	});

	contract('a position beyond the head is of another history', async ({ log, append }) => {
		const head = await append('a', 3);
		const tail = await log.follow('a');
		const beyond = { ...head, seq: 4 };

		expect(tail.since(beyond)).toBe('epoch');
		expect(await log.range('a', beyond)).toBe('epoch');
	});

	contract('a position of another epoch is of another history', async ({ log, append }) => {
		const { seq } = await append('a', 3);
		const tail = await log.follow('a');

		for (const other of ['another', `${tail.head().epoch}x`, '__proto__']) {
			expect(tail.since({ epoch: other, seq })).toBe('epoch');
			expect(await log.range('a', { epoch: other, seq })).toBe('epoch');
			expect(tail.since({ epoch: other, seq: 0 })).toBe('epoch');
		}
	});

	contract(
		'exactly as many frames as it keeps can be read back, and no more',
		async ({ log, size, append }) => {
			const { epoch } = await append('a', size);
			const tail = await log.follow('a');
			expect(seqs(tail.since({ epoch, seq: 0 }))).toEqual(upTo(size));

			await append('a');

			expect(tail.since({ epoch, seq: 0 })).toBe('truncated');
			expect(seqs(tail.since({ epoch, seq: 1 }))).toEqual(upTo(size + 1, 2));
			expect(seqs(await log.range('a', { epoch, seq: 1 }))).toEqual(upTo(size + 1, 2));
		}
	);

	contract('order and numbers survive many times its size', async ({ log, size, append }) => {
		const { epoch, seq } = await append('a', size * 7 + 3);
		const tail = await log.follow('a');

		expect(seqs(tail.since({ epoch, seq: seq - size }))).toEqual(upTo(seq, seq - size + 1));
		expect(tail.since({ epoch, seq: seq - size - 1 })).toBe('truncated');
	});

	contract(
		'several tails of one topic are independent, and closing twice is closing',
		async ({ log, append }) => {
			const [one, two] = [await log.follow('a'), await log.follow('a')];
			one.close();
			one.close();

			const head = await append('a');

			expect(two.head()).toEqual(head);
			two.close();
		}
	);

	contract('what a tail returned does not change afterwards', async ({ log, append }) => {
		await append('a', 2);
		const tail = await log.follow('a');
		const [head, last] = [tail.head(), tail.last(5)];

		await append('a', 2);

		expect(head.seq).toBe(2);
		expect(seqs(last)).toEqual([1, 2]);
	});

	contract('a topic that begins anew is told of once its tails show it', async (under) => {
		const { log, lose, append } = under;
		if (lose === undefined) return expect(log.onBegun).toBe(undefined);
		const heads: unknown[] = [];
		await append('a', 3);
		await append('b', 1);
		const tail = await log.follow('a');
		const before = tail.head();
		const end = log.onBegun!((topic) => heads.push([topic, tail.since(before)]));
		for (const topic of ['b', 'c']) await log.follow(topic);
		await append('a', 1);
		expect(heads).toEqual([]);

		await lose('a');
		await until(() => heads.length > 0);
		expect(heads).toEqual([['a', 'epoch']]);

		end();
		await append('a', 2);
		await until(() => tail.head().seq === 2);
		const again = tail.head();
		await lose('a');
		await until(() => tail.since(again) === 'epoch');
		expect(heads).toHaveLength(1);
	});
}
