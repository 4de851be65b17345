import { expect, test } from 'vitest';
import { settle } from 'svelte-realtime/testing';
import { Followed, type Snapshot } from '../../plugins/log-followed.ts';
import type { Numbered } from '../../plugins/log-line.ts';

const frame = (seq: number): Numbered => ({
	seq,
	id: `other.${seq}`,
	event: 'created',
	value: { json: String(seq), devalue: false },
	op: undefined
});
const at = (epoch: string, seq: number, frames: readonly Numbered[] = []): Snapshot => ({
	head: { epoch, seq },
	lineage: epoch === 'two' ? [{ epoch: 'one', seq: 10 }] : [],
	frames
});

/** A followed topic whose store answers when the test says so. */
async function follow(begin: Snapshot) {
	const delivered: string[] = [];
	let gaps = 0;
	const questions: ((answer: Snapshot) => void)[] = [];
	const followed = new Followed({
		size: 100,
		bytes: 1e6,
		hold: 3,
		unpublished: () => '~store',
		read: () => new Promise((resolve) => questions.push(resolve)),
		deliver: (epoch, { seq }) => delivered.push(`${epoch} ${seq}`),
		gap: () => void (gaps += 1),
		report: (error) => {
			throw error;
		}
	});
	const answer = async (snapshot: Snapshot): Promise<void> => {
		questions.shift()!(snapshot);
		await settle();
	};
	void followed.catchUp();
	await answer(begin);
	return { followed, delivered, questions, answer, gaps: () => gaps };
}

const TWO = { epoch: 'two', lineage: [{ epoch: 'one', seq: 10 }] };

test('an answer of before a new epoch, which a broadcast was faster to tell, does not lead back', async () => {
	const { followed, delivered, questions, answer } = await follow(at('one', 10));
	void followed.catchUp();

	followed.receive({ ...TWO, frames: [frame(11)] });
	await answer(at('one', 10));
	followed.receive({ ...TWO, frames: [frame(11)] });

	expect(delivered).toEqual(['two 11']);
	await answer(at('two', 11));
	expect(followed.head).toEqual({ epoch: 'two', seq: 11 });
	expect(delivered).toEqual(['two 11']);
	expect(questions).toEqual([]);
});

test('what came while it was followed is delivered, though the topic begins anew with it', async () => {
	const { followed, delivered, answer } = await follow(at('one', 0));
	const broadcast = (seq: number) => ({ epoch: 'other', lineage: [], frames: [frame(seq)] });
	const head = { epoch: 'other', seq: 4 };

	followed.receive(broadcast(2));
	// The third one is lost on its way.
	followed.receive(broadcast(4));
	await answer({ head, lineage: [], frames: [] });
	await answer({ head, lineage: [], frames: [1, 2, 3, 4].map(frame) });
	followed.receive(broadcast(4));

	expect(delivered).toEqual(['other 2', 'other 3', 'other 4']);
	expect(followed.since({ epoch: 'one', seq: 0 })).toBe('epoch');
	expect(followed.since({ epoch: 'other', seq: 0 })).toHaveLength(4);
});

test('a frame that was delivered is not delivered again when a repeat of it finds a new epoch', async () => {
	const { followed, delivered, answer } = await follow(at('one', 10));
	const frames = [frame(11), frame(12)];
	followed.receive({ epoch: 'one', lineage: [], frames: [frames[0]!] });

	// Everything was renewed meanwhile; the broadcast of the second was lost, and so was the answer.
	followed.receive({ epoch: 'other', lineage: [], frames, isRepeat: true });
	const snapshot = { head: { epoch: 'other', seq: 12 }, lineage: [] };
	await answer({ ...snapshot, frames: [frame(12)] });
	await answer({ ...snapshot, frames: [frame(9), frame(10), ...frames] });

	expect(delivered).toEqual(['one 11']);
	expect(followed.since({ epoch: 'one', seq: 11 })).toBe('epoch');
	expect(followed.last(9)).toHaveLength(4);
});

test('an answer that lacks frames which a broadcast was faster to tell is asked for again', async () => {
	const { followed, delivered, questions, answer } = await follow(at('one', 10));
	void followed.catchUp();

	followed.receive({ epoch: 'one', lineage: [], frames: [frame(11)] });
	await answer(at('one', 10));
	await answer(at('one', 11));

	expect(delivered).toEqual(['one 11']);
	expect(questions).toEqual([]);
});

test('a store that says twice that it stands before us has lost its end', async () => {
	const { followed, delivered, answer } = await follow(at('one', 10));
	followed.receive({ epoch: 'one', lineage: [], frames: [frame(11), frame(12)] });
	void followed.catchUp();

	await answer(at('one', 10));
	await answer(at('one', 10));
	await answer(at('one', 10, [frame(9), frame(10)]));

	expect(followed.last(5)).toMatchObject([{ seq: 9 }, { seq: 10 }]);
	expect(followed.head).toEqual({ epoch: 'one', seq: 10 });
	expect(followed.since({ epoch: 'one', seq: 12 })).toBe('epoch');
	expect(delivered).toEqual(['one 11', 'one 12']);
});

test('frames behind a hole wait for it, are delivered once, and in order', async () => {
	const { followed, delivered, questions, answer } = await follow(at('one', 10));

	followed.receive({ epoch: 'one', lineage: [], frames: [frame(13)] });
	followed.receive({ epoch: 'one', lineage: [], frames: [frame(12)] });
	expect(delivered).toEqual([]);
	await answer(at('one', 13, [frame(11), frame(12), frame(13)]));

	expect(delivered).toEqual(['one 11', 'one 12', 'one 13']);
	if (questions.length > 0) await answer(at('one', 13));
	expect(questions).toEqual([]);
});

test('more than can be held is read from the store', async () => {
	const { followed, delivered, questions, answer } = await follow(at('one', 10));
	for (let seq = 12; seq < 30; seq += 1) {
		followed.receive({ epoch: 'one', lineage: [], frames: [frame(seq)] });
	}

	const missing = Array.from({ length: 19 }, (_, index) => frame(11 + index));
	await answer(at('one', 29, missing));
	while (questions.length > 0) await answer(at('one', 29));

	expect(delivered).toEqual(missing.map(({ seq }) => `one ${seq}`));
});

test('frames that are missing count as one gap, however many come before they are read', async () => {
	const { followed, delivered, answer, gaps } = await follow(at('one', 10));
	expect(gaps()).toBe(0);

	for (const seq of [12, 13]) followed.receive({ epoch: 'one', lineage: [], frames: [frame(seq)] });
	expect(followed.behind({ epoch: 'one', seq: 13 })).toBe(3);
	await answer(at('one', 13, [frame(11), frame(12), frame(13)]));

	expect(delivered).toEqual(['one 11', 'one 12', 'one 13']);
	expect(gaps()).toBe(1);
	expect(followed.behind({ epoch: 'one', seq: 13 })).toBe(0);
	expect(followed.behind({ epoch: 'two', seq: 99 })).toBe(0);
});
