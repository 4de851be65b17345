import { describe, expect, test } from 'vitest';
import { guard, live, LiveError, type Access, type MaybePromise } from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { settle } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

const { owner, team, role, any, all } = live.access;

const call = (id: number, name: string, ...args: unknown[]): object => ({
	type: 'rpc',
	id,
	path: `test/${name}`,
	args
});
const follow = (id: number, name: string, more: object = {}): object => ({
	type: 'stream',
	id,
	path: `test/${name}`,
	...more
});
const refused = (id: number, code = 'FORBIDDEN'): object =>
	expect.objectContaining({ type: 'reply', id, error: expect.objectContaining({ code }) });
const answered = (id: number, data: unknown): object => ({ type: 'reply', id, data });
const later = async <T>(value: T): Promise<T> => {
	await Promise.resolve();
	return value;
};

async function serving(exports: Record<string, unknown>) {
	const kernel = await startKernel(single());
	kernel.mount({ test: exports });
	return { kernel, connect: (user: unknown) => kernel.connect(user === null ? {} : { user }) };
}

/** Whether the question lets this user through a guard, a gate and a stream's gate alike. */
async function lets(question: Access, user: unknown): Promise<boolean> {
	const run = live(() => 'done');
	const kernel = await startKernel(single());
	kernel.mount({
		guarded: { _guard: guard(question), run },
		gated: { run: live.gate(question, run) },
		room: {
			board: live.room({
				topic: 'b',
				init: () => [],
				guard: question,
				actions: { run: () => 'done' }
			})
		}
	});
	const ada = await kernel.connect(user === null ? {} : { user: user as never });
	const paths = ['guarded/run', 'gated/run', 'room/board.run'];
	for (const [id, path] of paths.entries()) await ada.send({ type: 'rpc', id, path, args: [] });
	await settle();
	const frames = ada.take();
	const isLet = 'data' in frames[0]!;
	expect(frames).toEqual(paths.map((_, id) => (isLet ? answered(id, 'done') : refused(id))));
	return isLet;
}

class User {
	readonly name: string = 'Ada';
	get id(): string {
		return 'inherited';
	}
}

test.each<[string, Access, unknown, boolean]>([
	['owner() a user with an id', owner(), { id: 'ada' }, true],
	['owner() the id 0', owner(), { id: 0 }, true],
	['owner() a user without an id', owner(), { name: 'Ada' }, false],
	['owner() an id that is null', owner(), { id: null }, false],
	['owner() an id that is inherited', owner(), new User(), false],
	['owner() nobody', owner(), null, false],
	['owner() a user that is no object', owner(), 'ada', false],
	['owner(field) that field', owner('email'), { email: 'a@b.c' }, true],
	['owner(field) a field of every object', owner('constructor'), { id: 1 }, false],
	['team() a user with a teamId', team(), { teamId: 1 }, true],
	['team() a user without', team(), { id: 1 }, false],
	['role() a role that may', role({ admin: true }), { role: 'admin' }, true],
	['role() a role that may not', role({ viewer: false }), { role: 'viewer' }, false],
	['role() a role that is not named', role({ admin: true }), { role: 'guest' }, false],
	['role() constructor', role({ admin: true }), { role: 'constructor' }, false],
	['role() __proto__', role({ admin: true }), { role: '__proto__' }, false],
	['role() a list with a role', role({ admin: true }), { role: ['admin'] }, false],
	['role() nobody', role({ undefined: true }), null, false],
	['role() a function that says yes', role({ e: () => true }), { role: 'e' }, true],
	['role() a function that says no', role({ e: () => false }), { role: 'e' }, false],
	['role() a promise of yes', role({ e: () => later(true) }), { role: 'e' }, true],
	['role() a promise of no', role({ e: () => later(false) }), { role: 'e' }, false],
	['role() what merely counts as true', role({ e: (() => 1) as never }), { role: 'e' }, false],
	['any() one of two', any(owner(), team()), { teamId: 1 }, true],
	['any() none of two', any(owner(), team()), {}, false],
	['any() a promise of no, then a yes', any(() => later(false), owner()), { id: 1 }, true],
	[
		'any() promises of no',
		any(
			() => later(false),
			() => later(false)
		),
		{ id: 1 },
		false
	],
	['any() a promise of what counts as true', any((() => later('yes')) as never), { id: 1 }, false],
	['all() both', all(owner(), team()), { id: 1, teamId: 1 }, true],
	['all() one of two', all(owner(), team()), { id: 1 }, false],
	[
		'all() a promise of yes, then a no',
		all(
			() => later(true),
			() => false
		),
		{ id: 1 },
		false
	],
	[
		'all() promises of yes',
		all(
			() => later(true),
			() => later(true)
		),
		{ id: 1 },
		true
	],
	['all() in any()', any(all(owner(), team()), role({ admin: true })), { role: 'admin' }, true]
])('%s is answered rightly wherever it is asked', async (_what, question, user, isLet) => {
	expect(await lets(question, user)).toBe(isLet);
});

test.each<[string, () => unknown, string]>([
	['all() of nothing', () => all(), 'RT_LIVE_ARGUMENTS'],
	['any() of nothing', () => any(), 'RT_LIVE_ARGUMENTS'],
	['all() of what is no function', () => all(true as never), 'RT_LIVE_ARGUMENTS'],
	['role() of neither yes nor no', () => role({ admin: 'yes' as never }), 'RT_OPTION_INVALID']
])('%s is an error where it is written', (_what, make, code) => {
	expect(make).toThrow(expect.objectContaining({ code }));
});

describe('a gate', () => {
	const isOwn = (ctx: { user: unknown }, id: string): boolean =>
		(ctx.user as { id: string }).id === id;
	const own = () =>
		live.stream(
			(_ctx, id: string) => `own:${id}`,
			(_ctx, id) => [{ id }]
		);

	test('is asked with the checked arguments', async () => {
		const { connect } = await serving({
			read: live.gate(
				isOwn,
				live((_ctx, id: string) => id)
			)
		});
		const ada = await connect({ id: 'ada' });

		await ada.send(call(1, 'read', 'ada'));
		await ada.send(call(2, 'read', 'eve'));

		expect(ada.take()).toEqual([answered(1, 'ada'), refused(2)]);
	});

	test('refuses a stream before it loads or follows anything, whatever the client sends', async () => {
		const { kernel, connect } = await serving({ list: live.gate(isOwn, own()) });
		const ada = await connect({ id: 'ada' });

		await ada.send(follow(1, 'list', { args: ['eve'] }));
		await ada.send(follow(2, 'list', { args: ['eve'], since: { epoch: 'any', seq: 0 } }));
		await ada.send({ ...call(3, 'list', 'eve'), stream: true });
		await ada.send({ ...call(4, 'list', 'ada'), kind: 'rpc' });
		await settle();
		expect(ada.take()).toEqual([
			refused(1),
			refused(2),
			refused(3, 'INVALID_REQUEST'),
			refused(4, 'INVALID_REQUEST')
		]);
		await kernel.publish('own:eve', 'created', { id: 'secret' });
		expect(ada.take()).toEqual([]);

		await ada.send(follow(5, 'list', { args: ['ada'] }));
		await settle();
		expect(ada.take()).toEqual([expect.objectContaining({ id: 5, data: [{ id: 'ada' }] })]);
	});

	test('is asked again each time that somebody comes', async () => {
		let isOpen = false;
		const gated = live.gate(() => later(isOpen), own());
		const { connect } = await serving({ list: gated });
		const ada = await connect({ id: 'ada' });

		await ada.send(follow(1, 'list', { args: ['ada'] }));
		await settle();
		isOpen = true;
		await ada.send(follow(1, 'list', { args: ['ada'] }));
		await settle();

		expect(ada.take()).toEqual([refused(1), expect.objectContaining({ type: 'stream:snapshot' })]);
	});

	test('stands with a limit and other gates in any order, the outer one asked first', async () => {
		const asked: string[] = [];
		const yes = (name: string) => (): boolean => asked.push(name) > 0;
		const budget = { points: 1, window: 1000 };
		const run = live(() => asked.push('run'));
		const { connect } = await serving({
			outside: live.gate(yes('outer'), live.rateLimit(budget, live.gate(yes('inner'), run))),
			inside: live.rateLimit(budget, live.gate(yes('gate'), run))
		});
		const ada = await connect({ id: 'ada' });

		await ada.send(call(1, 'outside'));
		await ada.send(call(2, 'inside'));
		await ada.send(call(3, 'outside'));
		await ada.send(call(4, 'inside'));

		expect(asked).toEqual(['outer', 'inner', 'run', 'gate', 'run']);
		expect(ada.take().slice(2)).toEqual([refused(3, 'RATE_LIMITED'), refused(4, 'RATE_LIMITED')]);
	});

	test.each<[string, () => MaybePromise<boolean>, string]>([
		['says no', () => false, 'FORBIDDEN'],
		['promises no', () => later(false), 'FORBIDDEN'],
		['says nothing', (() => {}) as never, 'FORBIDDEN'],
		['promises nothing', (() => later(undefined)) as never, 'FORBIDDEN'],
		['says what merely counts as true', (() => ({})) as never, 'FORBIDDEN'],
		['rejects with a LiveError', () => Promise.reject(new LiveError('CONFLICT')), 'CONFLICT'],
		['fails', () => Promise.reject(new Error('secret')), 'INTERNAL_ERROR']
	])('that %s keeps its function from running', async (_what, may, code) => {
		const runs: string[] = [];
		const { kernel, connect } = await serving({
			run: live.gate(
				may,
				live(() => runs.push('run'))
			)
		});
		const ada = await connect({ id: 'ada' });

		await ada.send(call(1, 'run'));
		await settle();

		expect(ada.take()).toEqual([refused(1, code)]);
		expect(runs).toEqual([]);
		takeErrors(kernel);
	});

	test.each<[string, () => unknown]>([
		[
			'a room, which has a guard',
			() => live.gate(() => true, live.room({ topic: 'a', init: () => 1 }))
		],
		[
			'no question',
			() =>
				live.gate(
					true as never,
					live(() => 1)
				)
		]
	])('cannot be made of %s', (_what, make) => {
		expect(make).toThrow(/RT_LIVE_ARGUMENTS.*live\.gate\(\)/);
	});
});
