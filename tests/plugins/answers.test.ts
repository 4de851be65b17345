import { defineConfig, live, LiveError } from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { settle, type TestConnection } from 'svelte-realtime/testing';
import { expect, test } from 'vitest';
import { startKernel } from '../kernel/tracked.ts';

const SESSION = { type: 'rpc:session', session: 'a-session-of-16-or-more' };

const rows = live.stream('rows', () => {
	throw new LiveError('FORBIDDEN');
});
const functions = {
	now: live((_ctx, text: string) => text),
	later: live(async (_ctx, text: string) => {
		await Promise.resolve();
		return text;
	}),
	bad: live(() => {
		throw new LiveError('CONFLICT');
	}),
	rows
};

async function serving(limits: NonNullable<Parameters<typeof defineConfig>[0]>['limits'] = {}) {
	const kernel = await startKernel(single(), { limits });
	kernel.use<'rpc'>('rpc').mount({ test: functions });
	const ada = await kernel.connect();
	return { kernel, ada };
}

const call = (id: number, name: string, ...args: unknown[]): object => ({
	type: 'rpc',
	id,
	path: `test/${name}`,
	args
});

function fill({ socket }: TestConnection): void {
	socket.status = 'dropped';
}

test.each<[string, object | string, object]>([
	['a result', call(1, 'now', 'a'), { data: 'a' }],
	['a result that comes later', call(1, 'later', 'a'), { data: 'a' }],
	['an error of a function', call(1, 'bad'), { error: { code: 'CONFLICT' } }],
	['a path that is not there', call(1, 'none'), { error: { code: 'NOT_FOUND' } }],
	[
		'a repeat that nobody can answer',
		{ ...call(1, 'now', 'a'), again: true },
		{ error: { code: 'UNKNOWN_OUTCOME' } }
	],
	[
		'a stream that is refused',
		{ type: 'stream', id: 1, path: 'test/rows' },
		{ error: { code: 'FORBIDDEN' } }
	],
	[
		'a frame of no known type',
		{ type: 'unheard:of', id: 1 },
		{ error: { code: 'INVALID_REQUEST' } }
	],
	[
		'a batch that is too long',
		JSON.stringify(Array(51).fill(call(1, 'now', 'a'))),
		{ error: { code: 'INVALID_REQUEST' } }
	]
])(
	'%s that finds no room is sent when the send buffer has drained, once',
	async (_, frame, answer) => {
		const { kernel, ada } = await serving();

		fill(ada);
		if (typeof frame === 'string') await ada.sendText(frame);
		else await ada.send(frame);
		expect(ada.received).toEqual([]);
		kernel.drain(ada.connection); // and is full again at once
		ada.socket.status = 'queued';
		kernel.drain(ada.connection);
		await settle();
		const answers = ada.take();
		kernel.drain(ada.connection);

		expect(answers[0]).toMatchObject({ type: 'reply', id: 1, ...answer });
		expect(ada.received).toEqual([]);
	}
);

test('answers that wait go out in their order, and a session keeps its results besides', async () => {
	const { kernel, ada } = await serving();
	await ada.send(SESSION);

	fill(ada);
	await ada.send(call(1, 'now', 'a'), call(2, 'now', 'b'));
	ada.socket.status = 'sent';
	await ada.send(call(3, 'now', 'c'));
	kernel.drain(ada.connection);
	const first = ada.take();
	await ada.leave(1006);
	const back = await kernel.connect();
	await back.send(SESSION, { ...call(1, 'now', 'x'), again: true });

	expect(first.map(({ data }) => data)).toEqual(['a', 'b', 'c']);
	expect(back.received).toMatchObject([{ id: 1, data: 'a' }]);
});

test('a client that lets more answers wait than the send buffer holds is closed, to come back', async () => {
	const { kernel, ada } = await serving({ sendBuffer: 1000 });
	await ada.send(SESSION);

	fill(ada);
	let id = 0;
	while (!ada.socket.closed && id < 100) await ada.send(call((id += 1), 'now', 'x'.repeat(200)));
	const back = await kernel.connect();
	await back.send(
		{ ...SESSION, last: id, via: ada.connection.id },
		...Array.from({ length: id }, (_, i) => ({ ...call(i + 1, 'now', '?'), again: true }))
	);

	expect(ada.socket.closed).toMatchObject({ code: 1013 });
	expect(id).toBeLessThanOrEqual(6);
	expect(back.received.map(({ data }) => data)).toEqual(Array(id).fill('x'.repeat(200)));
});

test('an answer that is larger than the send buffer waits as well, where it is the only one', async () => {
	const { kernel, ada } = await serving({ sendBuffer: 1000 });
	const text = 'x'.repeat(5000);

	fill(ada);
	await ada.send(call(1, 'now', text));
	ada.socket.status = 'sent';
	kernel.drain(ada.connection);

	expect(ada.received).toMatchObject([{ id: 1, data: text }]);
});

test('nothing that waited is sent to a socket that is gone', async () => {
	const { kernel, ada } = await serving();

	fill(ada);
	await ada.send(call(1, 'now', 'a'));
	await ada.leave(1006);
	ada.socket.status = 'sent';
	kernel.drain(ada.connection);

	expect(ada.received).toEqual([]);
});

test('a publish that finds no room is dropped all the same, and only that is counted', async () => {
	const { kernel, ada } = await serving();

	fill(ada);
	await ada.send(call(1, 'now', 'a'));
	expect(ada.connection.dropped).toBe(0);
	ada.connection.send('{"type":"event"}');

	expect(ada.connection.dropped).toBe(1);
});
