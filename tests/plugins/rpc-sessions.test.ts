import { live } from 'svelte-realtime';
import { rpc, type SessionOptions } from 'svelte-realtime/plugins/rpc';
import { settle, type TestConnection } from 'svelte-realtime/testing';
import { expect, test } from 'vitest';
import { startKernel } from '../kernel/tracked.ts';

const SESSION = 'a-session-of-16-or-more';
const WINDOW = 5 * 60_000;

/** A server whose functions say what became of them. */
async function serving(options: SessionOptions = {}) {
	const kernel = await startKernel([rpc(options)]);
	const log: string[] = [];
	const finish = new Map<string, () => void>();
	kernel.use('rpc').mount({
		test: {
			now: live((_ctx, text: string) => {
				log.push(text);
				return text;
			}),
			later: live(async (ctx, text: string) => {
				log.push(text);
				ctx.abortSignal.addEventListener('abort', () => log.push(`${text} aborted`));
				await new Promise<void>((done) => finish.set(text, done));
				log.push(`${text} over`);
				if (text.startsWith('bad')) throw new Error('x');
				return text;
			})
		}
	});
	const connect = async (
		user?: unknown,
		more: object = {},
		session: unknown = SESSION
	): Promise<TestConnection> => {
		const connection = await kernel.connect(user === undefined ? {} : { user });
		await connection.send({ type: 'rpc:session', session, ...more });
		return connection;
	};
	return { kernel, log, finish, connect };
}

const call = (id: number, name: string, text: string, more: object = {}): object => ({
	type: 'rpc',
	id,
	path: `test/${name}`,
	args: [text],
	...more
});
const unknown = (id: number): object =>
	expect.objectContaining({ id, error: expect.objectContaining({ code: 'UNKNOWN_OUTCOME' }) });

test('a repeat is answered with the first result, and one that never arrived is run', async () => {
	const { log, connect } = await serving();
	const first = await connect();
	await first.send(call(1, 'now', 'a'));
	await first.leave(1006);

	const second = await connect(undefined, { last: 2, via: first.connection.id });
	await second.send(call(1, 'now', 'a', { again: true }), call(2, 'now', 'b', { again: true }));

	expect(second.received).toMatchObject([
		{ id: 1, data: 'a' },
		{ id: 2, data: 'b' }
	]);
	expect(log).toEqual(['a', 'b']);
});

test('a repeat of a call that still runs waits for it', async () => {
	const { log, finish, connect } = await serving();
	const first = await connect();
	await first.send(call(1, 'later', 'a'));
	await first.leave(1006);
	const second = await connect(undefined, { last: 1, via: first.connection.id });

	await second.send(call(1, 'later', 'a', { again: true }));
	expect(second.received).toEqual([]);
	finish.get('a')!();
	await settle();

	expect(second.received).toMatchObject([{ id: 1, data: 'a' }]);
	expect(log).toEqual(['a', 'a over']);
});

test.each([
	['somebody else', { id: 1 }, { id: 2 }],
	['nobody', { id: 1 }, undefined],
	['an id that only reads alike', { id: 1 }, { id: '1' }]
])('a session is not handed to %s', async (_, owner, other) => {
	const { log, connect } = await serving();
	const first = await connect(owner);
	await first.send(call(1, 'now', 'secret'));

	const thief = await connect(other, { last: 1 });
	await thief.send(call(1, 'now', 'x', { again: true }));
	const back = await connect(owner, { last: 1 });
	await back.send(call(1, 'now', 'secret', { again: true }));

	expect(thief.received).toEqual([unknown(1)]);
	expect(back.received).toMatchObject([{ id: 1, data: 'secret' }]);
	expect(log).toEqual(['secret']);
});

test('what was called as one user does not run again as another one', async () => {
	const { log, connect } = await serving();
	const guest = await connect(undefined);
	await guest.send(call(1, 'now', 'a'));
	await guest.leave(1006);

	const ada = await connect({ id: 'ada' }, { last: 1, via: guest.connection.id });
	await ada.send(call(1, 'now', 'a', { again: true }), call(2, 'now', 'b'));

	expect(ada.received).toMatchObject([unknown(1), { id: 2, data: 'b' }]);
	expect(log).toEqual(['a', 'b']);
});

test('without a session a repeat is UNKNOWN_OUTCOME, and is not run', async () => {
	const { kernel, log } = await serving();
	const connection = await kernel.connect();

	await connection.send(call(1, 'now', 'a', { again: true }));

	expect(connection.received).toEqual([unknown(1)]);
	expect(log).toEqual([]);
});

test.each([{}, 5, 'short', 'x'.repeat(65), null])('%j names no session', async (session) => {
	const { connect } = await serving();

	const connection = await connect(undefined, {}, session);

	expect(connection.received).toMatchObject([{ id: null, error: { code: 'INVALID_REQUEST' } }]);
});

test('a connection has one session, and names it before its first call', async () => {
	const { kernel, connect } = await serving();
	const named = await connect();
	const late = await kernel.connect();
	await late.send(call(1, 'now', 'a'));
	late.take();

	for (const connection of [named, late]) {
		await connection.send({ type: 'rpc:session', session: 'another-session-of-mine' });
		expect(connection.received).toMatchObject([{ id: null, error: { code: 'INVALID_REQUEST' } }]);
	}
});

test('results are kept for the window, and after it a repeat is UNKNOWN_OUTCOME', async () => {
	const { kernel, log, connect } = await serving();
	const first = await connect();
	await first.send(call(1, 'now', 'a'));
	await first.leave(1006);
	const again = { last: 1, via: first.connection.id };

	await kernel.clock.advance(WINDOW);
	const second = await connect(undefined, again);
	await second.send(call(1, 'now', 'a', { again: true }));
	await second.leave(1006);
	await kernel.clock.advance(2 * WINDOW);
	const third = await connect(undefined, again);
	await third.send(call(1, 'now', 'a', { again: true }));

	expect(second.received).toMatchObject([{ data: 'a' }]);
	expect(third.received).toEqual([unknown(1)]);
	expect(log).toEqual(['a']);
});

test('what the client has acknowledged is let go, and never run again', async () => {
	const { log, connect } = await serving();
	const connection = await connect();
	await connection.send(call(1, 'now', 'a'), call(2, 'now', 'b'), call(3, 'now', 'c', { done: 1 }));
	connection.take();

	await connection.send(call(1, 'now', 'a'), call(2, 'now', 'b', { again: true }));

	expect(connection.received).toEqual([unknown(1), expect.objectContaining({ data: 'b' })]);
	expect(log).toEqual(['a', 'b', 'c']);
});

test.each<[string, SessionOptions, string, number]>([
	['more than 1000 results', {}, 'x', 1001],
	['results beyond the size of a session', { sessionSize: 500 }, 'x'.repeat(100), 10],
	['results beyond the size of all sessions', { size: 500 }, 'x'.repeat(100), 10]
])(
	'of %s the oldest are forgotten: UNKNOWN_OUTCOME, no second run',
	async (_, options, text, n) => {
		const { log, connect } = await serving(options);
		const connection = await connect();
		for (let id = 1; id <= n; id += 1) await connection.send(call(id, 'now', `${id} ${text}`));
		connection.take();

		await connection.send(
			call(1, 'now', text, { again: true }),
			call(n, 'now', text, { again: true })
		);

		const [oldest, newest] = connection.received;
		expect(oldest).toEqual(unknown(1));
		if (options.size === undefined) expect(newest).toMatchObject({ data: `${n} ${text}` });
		expect(log).toHaveLength(n);
	},
	60_000
);

test('of too many sessions the one that connected longest ago is forgotten', async () => {
	const { log, connect } = await serving({ sessions: 2 });
	const first = await connect(undefined, {}, 'session-number-one');
	await first.send(call(1, 'now', 'a'));
	await first.leave(1006);
	await connect(undefined, {}, 'session-number-two');
	await connect(undefined, {}, 'session-number-three');

	const more = { last: 1, via: first.connection.id };
	const back = await connect(undefined, more, 'session-number-one');
	await back.send(call(1, 'now', 'a', { again: true }));

	expect(back.received).toEqual([unknown(1)]);
	expect(log).toEqual(['a']);
});

test('a call that is cancelled has its signal aborted, with a session and without', async () => {
	const { kernel, log, connect } = await serving();
	for (const connection of [await connect(), await kernel.connect()]) {
		await connection.send(call(1, 'later', 'a'), call(2, 'later', 'b'));
		await connection.send({ type: 'rpc:cancel', id: 1 }, { type: 'rpc:cancel', id: 99 });

		expect(log.splice(0)).toEqual(['a', 'b', 'a aborted']);
		expect(connection.received).toEqual([]);
	}
});

test('the signal outlives a connection that was cut, and aborts when the window ends', async () => {
	const { kernel, log, connect } = await serving();
	const first = await connect();
	await first.send(call(1, 'later', 'a'));
	await first.leave(1006);
	expect(log).toEqual(['a']);

	await kernel.clock.advance(2 * WINDOW);
	expect(log).toEqual(['a', 'a aborted']);
});

test('the signal aborts at once when the page is closed, and without a session at any end', async () => {
	const { kernel, log, connect } = await serving();
	const page = await connect();
	await page.send(call(1, 'later', 'page'));
	const nameless = await kernel.connect();
	await nameless.send(call(1, 'later', 'nameless'), call(1, 'later', 'same id'));

	await page.leave(1001);
	await nameless.leave(1006);

	expect(log.slice(3)).toEqual(['page aborted', 'nameless aborted', 'same id aborted']);
});

test('calls in sequence run one after the other, and go on after one that fails', async () => {
	const { kernel, log, finish, connect } = await serving();
	const connection = await connect();
	await connection.send(
		call(1, 'later', 'bad'),
		call(2, 'later', 'b', { after: 1 }),
		call(3, 'now', 'c', { after: 2 }),
		call(4, 'now', 'd')
	);
	expect(log).toEqual(['bad', 'd']);

	finish.get('bad')!();
	await settle();
	expect(log.splice(0)).toEqual(['bad', 'd', 'bad over', 'b']);
	finish.get('b')!();
	await settle();

	expect(log).toEqual(['b over', 'c']);
	expect(connection.received.map(({ id }) => id)).toEqual([4, 1, 2, 3]);
	kernel.errors.length = 0;
});

test('a call that waits for another one and is cancelled never runs', async () => {
	const { log, finish, connect } = await serving();
	const connection = await connect();
	await connection.send(call(1, 'later', 'a'), call(2, 'now', 'b', { after: 1 }));
	await connection.send({ type: 'rpc:cancel', id: 2 });

	finish.get('a')!();
	await settle();

	expect(log).toEqual(['a', 'a over']);
});
