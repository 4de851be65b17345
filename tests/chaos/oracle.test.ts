import { expect, test } from 'vitest';
import { judge, type ClientRecord, type DeliveryRecord, type History } from './oracle.ts';

const IDS = ['a1', 'a2', 'a3', 'a4'];
const frame = (id: string, seq = Number(id.slice(1)), epoch = 'e'): DeliveryRecord => ({
	topic: 'a',
	id,
	epoch,
	seq
});
const event = (id: string): ClientRecord => ({ type: 'event', id });
const snapshot = (seq: number, epoch = 'e'): ClientRecord => ({ type: 'snapshot', epoch, seq });

/** A history in which nothing is wrong, but for what is given. */
function history(given: {
	published?: Partial<History['published'][number]>[];
	delivered?: readonly DeliveryRecord[];
	records?: readonly ClientRecord[];
	value?: readonly string[];
	log?: readonly DeliveryRecord[];
	rows?: readonly string[];
}): History {
	const published = IDS.map((id, index) => ({
		...frame(id),
		status: 'ok' as const,
		level: 'store',
		...given.published?.[index]
	}));
	return {
		published,
		delivered: new Map([
			['one', given.delivered ?? IDS.map((id) => frame(id))],
			['other', IDS.map((id) => frame(id))]
		]),
		clients: [
			{
				name: 'client',
				topic: 'a',
				records: given.records ?? [snapshot(0), ...IDS.map(event)],
				value: given.value ?? IDS
			}
		],
		log: new Map([['a', given.log ?? IDS.map((id) => frame(id))]]),
		rows: new Map([['a', given.rows ?? IDS]])
	};
}

test('nothing is wrong with a history without a fault', () => {
	expect(judge(history({}))).toEqual([]);
	expect(judge(history({ records: [snapshot(4)] }))).toEqual([]);
	expect(judge(history({ records: [snapshot(0), event('a1'), snapshot(9, 'f')] }))).toEqual([]);
});

test.each([
	['two orders', { delivered: [frame('a1'), frame('a3', 2), frame('a2', 3)] }, /a 2|a e 2/],
	['a gap on an instance', { delivered: [frame('a1'), frame('a3')] }, /from a 1 to 3/],
	['a step back', { delivered: [frame('a2'), frame('a1')] }, /a 1 after 2/],
	['a frame twice on an instance', { delivered: [frame('a1'), frame('a1', 2, 'f')] }, /a1 twice/],
	['a frame twice in the log', { log: [...IDS.map((id) => frame(id)), frame('a1', 5)] }, /2 times/],
	['an acknowledged frame that is gone', { log: [frame('a1')] }, /a2 was acknowledged/],
	['a refused one that happened', { published: [{ status: 'rejected' }] }, /a1 was refused/],
	[
		'an event that a client skips',
		{ records: [snapshot(0), event('a1'), event('a3')] },
		/a3 \(3\)/
	],
	['one that it hears twice', { records: [snapshot(0), event('a1'), event('a1')] }, /a1 twice/],
	[
		'two in the wrong order',
		{ records: [snapshot(0), event('a2'), event('a1')] },
		/a2 \(2\) after/
	],
	['one before it has loaded', { records: [event('a1')] }, /before it has loaded/],
	['a value that lacks one', { value: ['a1', 'a2', 'a4'] }, /lacks a3/],
	['a value with one twice', { value: [...IDS, 'a1'] }, /something twice/],
	['a value with more than there is', { rows: ['a1', 'a2', 'a3'] }, /shows a4|no row/]
] as const)('the oracle sees %s', (_name, given, what) => {
	expect(judge(history(given as never)).join('\n')).toMatch(what);
});

test('the oracle sees a client that has what the store has not, unless it loads again', () => {
	const published = [{}, {}, {}, { level: 'local', seq: undefined, epoch: undefined }] as never;
	const alone = {
		published,
		delivered: [...IDS.slice(0, 3).map((id) => frame(id)), frame('a4', 0)],
		log: IDS.slice(0, 3).map((id) => frame(id))
	};
	const without = (given: object): History => {
		const made = history({ ...alone, ...given } as never);
		return { ...made, delivered: new Map([['one', alone.delivered]]) };
	};

	expect(judge(without({})).join()).toMatch(/a4, which the store has not/);
	expect(judge(without({ records: [snapshot(0), ...IDS.map(event), snapshot(3, 'f')] }))).toEqual(
		[]
	);
});

test("what a process could not publish any more is nobody's to show, and what it did is", () => {
	const unanswered = { status: 'pending', level: undefined, seq: undefined, epoch: undefined };
	const three = IDS.slice(0, 3);
	const given = {
		published: [{}, {}, {}, unanswered] as never,
		records: [snapshot(0), ...three.map(event)],
		value: three
	};
	const told = (ids: readonly string[]): readonly string[] => {
		const frames = ids.map((id) => frame(id));
		const made = history({ ...given, log: frames } as never);
		return judge({ ...made, delivered: new Map([['one', frames]]) });
	};

	expect(told(three)).toEqual([]);
	expect(told(IDS).join()).toMatch(/lacks a4/);
});
