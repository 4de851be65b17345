import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { guard, live, LiveError, type GuardStep, type LiveContext } from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { settle, VirtualClock, type ReceivedFrame } from 'svelte-realtime/testing';
import { network } from '../client/network.ts';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

type Modules = Record<string, Record<string, unknown>>;

const visitor = { url: '/', headers: {}, ip: '127.0.0.1', origin: 'http://localhost' };
const loaded: string[] = [];

async function serving(modules: Modules) {
	loaded.length = 0;
	const kernel = await startKernel(single());
	kernel.mount(modules);
	const ada = await kernel.connect({ user: { id: 'ada', role: 'admin' } });
	const eve = await kernel.connect({ user: { id: 'eve', role: 'guest' } });
	return { kernel, ada, eve };
}

const call = (id: number, path: string, ...args: unknown[]): object => ({
	type: 'rpc',
	id,
	path,
	args
});
const follow = (id: number, path: string, more: object = {}): object => ({
	type: 'stream',
	id,
	path,
	...more
});
const refused = (id: number, code = 'FORBIDDEN'): object =>
	expect.objectContaining({ type: 'reply', id, error: expect.objectContaining({ code }) });
const answered = (id: number, data: unknown): object => ({ type: 'reply', id, data });
const later = async <T>(value: T): Promise<T> => {
	await Promise.resolve();
	return value;
};
const roleOf = ({ user }: LiveContext): string | undefined =>
	(user as { role: string } | null)?.role;
const admins = guard((ctx) => roleOf(ctx) === 'admin');

/** One of each kind of live export; each notes that it has run. */
function everything(): Record<string, unknown> {
	const load = (): { id: number }[] => {
		loaded.push('loader');
		return [{ id: 1 }];
	};
	return {
		send: live(v.string(), (_ctx, text) => {
			loaded.push('handler');
			return text;
		}),
		list: live.stream('list', load),
		pages: live.stream('pages', ({ cursor }) => ({
			data: load(),
			hasMore: cursor === null,
			cursor: 1
		})),
		here: live.presence('list'),
		pointers: live.cursors('list'),
		news: live.channel('news', { events: { said: v.string() }, publish: true }),
		team: live.group('team', {
			roles: ['member'],
			role: () => 'member',
			events: { said: v.string() },
			publish: ['said']
		}),
		board: live.room({
			topic: 'board',
			init: load,
			presence: true,
			cursors: true,
			actions: { add: () => loaded.push('action') }
		})
	};
}

const CALLS = ['board.add', 'team.publish', 'news.publish', 'send'].map(
	(name) => `admin/all/${name}`
);
const STREAMS = [
	...['list', 'pages', 'here', 'pointers', 'news', 'team.members', 'team.events'],
	...['board.data', 'board.presence', 'board.cursors']
].map((name) => `admin/all/${name}`);

describe.each<[string, (exports: Record<string, unknown>) => Modules]>([
	['of a module', (exports) => ({ 'admin/all': { ...exports, _guard: admins } })],
	['of a folder', (exports) => ({ 'admin/all': exports, 'admin/_guard': { _guard: admins } })],
	['of all modules', (exports) => ({ 'admin/all': exports, _guard: { _guard: admins } })]
])('the guard %s', (_whose, modules) => {
	test('keeps everything from those whom it refuses, and nothing from others', async () => {
		const { kernel, ada, eve } = await serving(modules(everything()));
		const frames = [
			...STREAMS.map((path, at) => follow(at + 11, path)),
			...CALLS.map((path, at) => call(at + 1, path, 'said', 'hello'))
		];

		for (const frame of frames) await eve.send(frame);
		await settle();

		expect(eve.take()).toEqual(frames.map((frame) => refused((frame as { id: number }).id)));
		expect(loaded).toEqual([]);
		await kernel.publish('list', 'created', { id: 2 });
		await kernel.clock.advance(100);
		expect(eve.take()).toEqual([]);

		for (const frame of frames) {
			await ada.send(frame);
			await settle();
		}
		await kernel.clock.advance(100);

		const errors = ada.take().filter((frame) => 'error' in frame);
		expect(errors).toEqual([]);
		expect(loaded).toContain('handler');
	});

	test('keeps it from a page that is rendered, and from those who come back', async () => {
		const { kernel, eve } = await serving(modules(everything()));
		const { epoch } = await position(kernel);

		for (const path of STREAMS) {
			const { load } = kernel.use('streams');
			const seed = load(path, [], visitor).catch((error: unknown) => error);
			expect(await seed, path).toMatchObject({ code: 'FORBIDDEN' });
			await eve.send(follow(1, path, { since: { epoch, seq: 0 } }));
		}
		await settle();

		expect(eve.take()).toEqual(STREAMS.map(() => refused(1)));
		expect(loaded).toEqual([]);
		takeErrors(kernel);
	});
});

/** Where `list` stands, as somebody would know who was let in once. */
async function position(kernel: Awaited<ReturnType<typeof serving>>['kernel']) {
	await kernel.publish('list', 'created', { id: 2 });
	const tail = await kernel.use('replay').follow('list');
	const head = tail.head();
	tail.close();
	return head;
}

test('a refused stream cannot be read as a call, nor a refused call as a stream', async () => {
	const { eve } = await serving({ all: { ...everything(), _guard: admins } });

	await eve.send(call(1, 'all/list'));
	await eve.send(call(2, 'all/board.data'));
	await eve.send(call(3, 'all/board'));
	await eve.send(follow(4, 'all/send', { args: ['hello'] }));
	await eve.send(follow(5, 'all/board.add'));
	await settle();

	expect(eve.take()).toEqual([1, 2, 3, 4, 5].map((id) => refused(id, 'INVALID_REQUEST')));
	expect(loaded).toEqual([]);
});

test('the next page is guarded like the first', async () => {
	let isOpen = true;
	const { ada } = await serving({ all: { ...everything(), _guard: guard(() => isOpen) } });
	await ada.send(follow(1, 'all/pages'));
	await settle();
	ada.take();
	loaded.length = 0;

	isOpen = false;
	await ada.send({ type: 'stream:more', id: 2, stream: 1, cursor: 1 });
	await settle();

	expect(ada.take()).toEqual([refused(2)]);
	expect(loaded).toEqual([]);
});

test('folders are asked from the outermost in, then the module, then the arguments, then the function', async () => {
	const steps: string[] = [];
	const note = (name: string) =>
		guard((ctx) => {
			steps.push(`${name} ${ctx.path}`);
		});
	const schema = v.pipe(
		v.string(),
		v.check(() => steps.push('validate') > 0)
	);
	const may = (): boolean => steps.push('gate') > 0;
	const { ada } = await serving({
		_guard: { _guard: note('root') },
		'a/_guard': { _guard: note('a') },
		'a/b/_guard': { _guard: note('a/b') },
		'a/c/_guard': { _guard: note('a/c') },
		'ab/_guard': { _guard: note('ab') },
		'a/b/chat': {
			_guard: note('module'),
			send: live.gate(
				may,
				live(schema, () => 'sent')
			)
		}
	});

	await ada.send(call(1, 'a/b/chat/send', 'hello'));

	expect(ada.take()).toEqual([answered(1, 'sent')]);
	const path = 'a/b/chat/send';
	const asked = ['root', 'a', 'a/b', 'module'].map((name) => `${name} ${path}`);
	expect(steps).toEqual([...asked, 'validate', 'gate']);
});

test('who is refused is told nothing of the arguments', async () => {
	const { ada, eve } = await serving({ all: { ...everything(), _guard: admins } });

	await ada.send(call(1, 'all/send', 7));
	await eve.send(call(1, 'all/send', 7));
	await eve.send({ ...call(2, 'all/send'), args: 'no list' });

	expect(ada.take()).toEqual([refused(1, 'VALIDATION')]);
	expect(eve.take()).toEqual([refused(1), refused(2)]);
});

test('a function that several modules export is guarded in each by its own', async () => {
	const { send } = everything();
	const { eve } = await serving({ open: { send }, closed: { send, _guard: admins } });

	await eve.send(call(1, 'open/send', 'hello'));
	await eve.send(call(2, 'closed/send', 'hello'));

	expect(eve.take()).toEqual([answered(1, 'hello'), refused(2)]);
});

test('a guard is no live function, and neither is anything beside that of a folder', async () => {
	const { kernel, ada } = await serving({
		'admin/_guard': { _guard: admins, hidden: live(() => 'hidden') },
		'admin/users': { _guard: admins, list: live(() => []) }
	});

	await ada.send(call(1, 'admin/_guard/hidden'));
	await ada.send(call(2, 'admin/users/_guard'));

	expect(ada.take()).toEqual([refused(1, 'NOT_FOUND'), refused(2, 'NOT_FOUND')]);
	expect(kernel.use('rpc').paths()).toEqual(['admin/users/list']);
});

describe('the questions of a guard', () => {
	async function asking(
		...steps: GuardStep[]
	): Promise<{ frames: readonly ReceivedFrame[]; steps: string[] }> {
		const seen: string[] = [];
		const noted = steps.map(
			(step, at) =>
				((ctx: LiveContext) => {
					seen.push(String(at));
					return step(ctx);
				}) as GuardStep
		);
		const handler = (): string => {
			seen.push('handler');
			return 'done';
		};
		const { kernel, ada } = await serving({ all: { _guard: guard(...noted), run: live(handler) } });
		await ada.send(call(1, 'all/run'));
		await settle();
		seen.push(...takeErrors(kernel));
		return { frames: ada.take(), steps: seen };
	}
	const tired = new LiveError('UNAUTHENTICATED', 'Sign in.');

	test('go on with nothing and with true, now or later, in order', async () => {
		const { frames, steps } = await asking(
			() => {},
			async () => {},
			() => true,
			() => later(true)
		);

		expect(frames).toEqual([answered(1, 'done')]);
		expect(steps).toEqual(['0', '1', '2', '3', 'handler']);
	});

	test.each<[string, GuardStep, string]>([
		['says false', () => false, 'FORBIDDEN'],
		['promises false', () => later(false), 'FORBIDDEN'],
		['answers what is no answer', (() => null) as never, 'FORBIDDEN'],
		['promises what is no answer', (() => later(0)) as never, 'FORBIDDEN'],
		[
			'throws a LiveError',
			() => {
				throw tired;
			},
			'UNAUTHENTICATED'
		],
		[
			'rejects with a LiveError',
			async () => {
				throw tired;
			},
			'UNAUTHENTICATED'
		]
	])('end with one that %s', async (_what, step, code) => {
		const { frames, steps } = await asking(
			() => true,
			step,
			() => true
		);

		expect(frames).toEqual([refused(1, code)]);
		expect(steps).toEqual(['0', '1']);
	});

	test.each<[string, GuardStep]>([
		[
			'throws',
			() => {
				throw new Error('secret');
			}
		],
		[
			'rejects',
			async () => {
				throw new Error('secret');
			}
		]
	])('let nobody in where one %s by mistake, and tell the operator alone', async (_what, step) => {
		const { frames, steps } = await asking(step, () => true);

		expect(frames).toEqual([refused(1, 'INTERNAL_ERROR')]);
		expect(JSON.stringify(frames)).not.toContain('secret');
		expect(steps).toEqual(['0', 'rpc Error: secret']);
	});

	test('are asked in the same tick when none of them waits', async () => {
		const { ada } = await serving({ all: { _guard: guard(() => true), run: live(() => 1) } });

		const sent = ada.send(call(1, 'all/run'));

		expect(ada.take()).toEqual([answered(1, 1)]);
		await sent;
	});
});

test('a guard that never answers costs one call its time, and the connection goes on', async () => {
	const never = guard((ctx) => (ctx.path === 'all/run' ? new Promise<void>(() => {}) : undefined));
	const net = await network({ all: { _guard: never, run: live(() => 1), other: live(() => 2) } });
	const client = net.client();
	const [run, other] = [client.call('all/run'), client.call('all/other')];

	const hanging = run
		.with({ timeout: 50 })()
		.catch((error: unknown) => error);
	expect(await other()).toBe(2);
	await net.clock.advance(50);

	expect(await hanging).toMatchObject({ code: 'TIMEOUT' });
	expect(await other()).toBe(2);
	client.close();
});

test('what a guard adds to its context is seen by that call alone', async () => {
	type Marked = LiveContext & { mark?: string };
	const mark = guard((ctx) => {
		if (roleOf(ctx) === 'admin') (ctx as Marked).mark = 'checked';
	});
	const read = live((ctx) => (ctx as Marked).mark ?? 'none');
	const { ada, eve } = await serving({ all: { _guard: mark, read } });

	await ada.send(call(1, 'all/read'));
	await eve.send(call(1, 'all/read'));

	expect([...ada.take(), ...eve.take()]).toEqual([answered(1, 'checked'), answered(1, 'none')]);
});

describe('modules are not mounted', () => {
	const run = live(() => 1);
	test.each<[string, Modules, string]>([
		['whose guard was not made by guard()', { m: { run, _guard: () => true } }, 'RT_GUARD_INVALID'],
		['whose guard is a live function', { m: { run, _guard: live(() => 1) } }, 'RT_GUARD_INVALID'],
		['whose guard is not there', { m: { run, _guard: undefined } }, 'RT_GUARD_INVALID'],
		['of a folder whose guard is none', { 'a/m': { run }, 'a/_guard': {} }, 'RT_GUARD_INVALID'],
		[
			'that are public and guarded',
			{ m: { run, _guard: admins, _public: true } },
			'RT_GUARD_PUBLIC'
		],
		[
			'that are public in a guarded folder',
			{ 'a/m': { run, _public: true }, 'a/_guard': { _guard: admins } },
			'RT_GUARD_PUBLIC'
		],
		['that are public, and not quite', { m: { run, _public: false } }, 'RT_GUARD_PUBLIC']
	])('%s', async (_what, modules, code) => {
		const { kernel, ada } = await serving({ old: { run } });

		expect(() => kernel.mount(modules)).toThrow(expect.objectContaining({ code }));

		await ada.send(call(1, 'old/run'));
		expect(ada.take()).toEqual([answered(1, 1)]);
	});
});

test('where a guard is required, silence of a module is an error, and saying so is not', async () => {
	const { kernel } = await serving({});
	const { mount, paths } = kernel.use('rpc');
	const run = live(() => 1);
	const strict = { requireGuard: true };

	const told = { open: { run, _public: true }, own: { run, _guard: admins }, plain: { text: 'a' } };
	mount({ ...told, 'in/m': { run }, 'in/_guard': { _guard: admins } }, strict);
	expect(paths()).toEqual(['open/run', 'own/run', 'in/m/run']);

	expect(() => mount({ ...told, silent: { run } }, strict)).toThrow(
		/RT_GUARD_MISSING.*"silent".*_public/
	);
	mount({ silent: { run } });
	expect(paths()).toEqual(['silent/run']);
});

test.each([
	['nothing', []],
	['what is no function', [true]]
])('a guard of %s cannot be made', (_what, steps) => {
	expect(() => guard(...(steps as never[]))).toThrow(/RT_LIVE_ARGUMENTS.*guard\(\)/);
});
