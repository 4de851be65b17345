import { live, LiveError } from 'svelte-realtime';
import { answer, middleware, type Middleware } from 'svelte-realtime/plugins/middleware';
import { single } from 'svelte-realtime/presets';
import { settle, type ReceivedFrame } from 'svelte-realtime/testing';
import { expect, test } from 'vitest';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

type Modules = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

async function serving(modules: Modules, configured: readonly Middleware[] = []) {
	const kernel = await startKernel(single({ middleware: configured }));
	kernel.use('rpc').mount(modules);
	return { kernel, rpc: kernel.use('rpc'), ada: await kernel.connect() };
}

const call = (id: number, path: string): object => ({ type: 'rpc', id, path, args: [] });
const answers = (frames: readonly ReceivedFrame[]): unknown[] =>
	frames
		.filter(({ type }) => type === 'reply')
		.map(({ data, error }) => (error as { code?: string } | undefined)?.code ?? data);

/** Notes that it was passed, on the way in and on the way out. */
function noted(log: string[], name: string) {
	return live.middleware(async (ctx, next) => {
		log.push(`${name}(${ctx.path}`);
		const outcome = await next();
		log.push(`${name})`);
		return outcome;
	});
}

test('what a module declares is around every call and every stream, whichever module they stand in', async () => {
	const log: string[] = [];
	const { ada } = await serving({
		audit: { noted: noted(log, 'a') },
		chat: { send: live(() => log.push('sent')), list: live.stream('list', () => ['loaded']) }
	});

	await ada.send(call(1, 'chat/send'), { type: 'stream', id: 2, path: 'chat/list' });
	await settle();

	expect(log).toEqual(['a(chat/send', 'sent', 'a(chat/list', 'a)', 'a)']);
	expect(ada.received.some(({ type }) => type === 'stream:snapshot')).toBe(true);
});

test('those of the config are outermost, then those of modules by their paths', async () => {
	const log: string[] = [];
	const outer: Middleware = (_call, next) => {
		log.push('config');
		return next();
	};
	const modules = {
		b: { first: noted(log, 'b/first') },
		a: { second: noted(log, 'a/second'), first: noted(log, 'a/first') },
		chat: { send: live(() => log.push('sent')) }
	};
	const { ada } = await serving(modules, [outer]);

	await ada.send(call(1, 'chat/send'));
	await settle();

	expect(log).toEqual([
		'config',
		'a/first(chat/send',
		'a/second(chat/send',
		'b/first(chat/send',
		'sent',
		'b/first)',
		'a/second)',
		'a/first)'
	]);
});

test('modules that take the place of others bring theirs, and leave none behind', async () => {
	const log: string[] = [];
	const chat = { send: live(() => log.push('sent')) };
	const { ada, rpc } = await serving({ audit: { noted: noted(log, 'old') }, chat });
	for (let save = 0; save < 3; save += 1) {
		rpc.mount({ audit: { noted: noted(log, `new ${save}`) }, chat });
	}

	await ada.send(call(1, 'chat/send'));
	await settle();
	rpc.mount({ chat });
	await ada.send(call(2, 'chat/send'));
	await settle();

	expect(log).toEqual(['new 2(chat/send', 'sent', 'new 2)', 'sent']);
});

test('modules that cannot take the place of others leave what is there', async () => {
	const log: string[] = [];
	const chat = { send: live(() => log.push('sent')) };
	const { ada, rpc } = await serving({ audit: { noted: noted(log, 'old') }, chat });
	const twice = { 'a/b': { c: live(() => 1) }, a: { 'b/c': live(() => 1) } };
	expect(() => rpc.mount({ audit: { noted: noted(log, 'new') }, chat, ...twice })).toThrow();

	await ada.send(call(1, 'chat/send'));
	await settle();

	expect(log).toEqual(['old(chat/send', 'sent', 'old)']);
});

test('a call that runs ends as it began, whatever takes the place of its middleware', async () => {
	const log: string[] = [];
	let go = (): void => {};
	const waiting = live.middleware(async (_ctx, next) => {
		await new Promise<void>((resolve) => (go = resolve));
		return next();
	});
	const chat = { send: live(() => log.push('sent')) };
	const { ada, rpc } = await serving({ a: { waiting }, b: { noted: noted(log, 'old') }, chat });
	await ada.send(call(1, 'chat/send'));

	rpc.mount({ c: { noted: noted(log, 'new') }, chat });
	go();
	await settle();

	expect(log).toEqual(['old(chat/send', 'sent', 'old)']);
});

test.each([
	[
		'forgets what next() came to',
		(_: unknown, next: () => unknown) => void next(),
		'RT_MIDDLEWARE_RETURN'
	],
	[
		'goes on twice',
		async (_: unknown, next: () => unknown) => {
			await next();
			return next();
		},
		'RT_MIDDLEWARE_TWICE'
	]
])('one that %s fails that one call, which is told by its path', async (_, wrong, code) => {
	let count = 0;
	const { ada, kernel } = await serving({
		audit: { wrong: live.middleware(wrong as never) },
		chat: { send: live(() => (count += 1)) }
	});

	await ada.send(call(1, 'chat/send'));
	await settle();

	expect(answers(ada.received)).toEqual(['INTERNAL_ERROR']);
	expect(count).toBe(1);
	expect(takeErrors(kernel)).toEqual([`rpc ${code}`]);
});

test('it may refuse, and answer with something else', async () => {
	const { ada } = await serving({
		audit: {
			closed: live.middleware((ctx, next) => {
				if (ctx.path === 'chat/closed') throw new LiveError('FORBIDDEN');
				return ctx.path === 'chat/other' ? answer('another') : next();
			})
		},
		chat: { closed: live(() => 1), other: live(() => 2), open: live(() => 3) }
	});

	await ada.send(call(1, 'chat/closed'), call(2, 'chat/other'), call(3, 'chat/open'));
	await settle();

	expect(answers(ada.received).sort()).toEqual([3, 'FORBIDDEN', 'another']);
});

test('nobody can call it, and what is no function is refused where it is written', async () => {
	const { ada } = await serving({ audit: { noted: noted([], 'a') } });

	await ada.send(call(1, 'audit/noted'), { type: 'stream', id: 2, path: 'audit/noted' });
	await settle();

	expect(answers(ada.received)).toEqual(['INVALID_REQUEST', 'INVALID_REQUEST']);
	expect(() => live.middleware('log' as never)).toThrow('RT_LIVE_ARGUMENTS');
	expect(() => live.gate(() => true, noted([], 'a') as never)).toThrow('live.middleware()');
});

test('a plugin of the config that takes the place of the preset’s runs them as well', async () => {
	const log: string[] = [];
	const preset = single().filter(({ name }) => name !== 'middleware');
	const kernel = await startKernel([...preset, middleware()] as ReturnType<typeof single>);
	kernel.use('rpc').mount({ audit: { noted: noted(log, 'a') }, chat: { send: live(() => 1) } });
	const ada = await kernel.connect();

	await ada.send(call(1, 'chat/send'));
	await settle();

	expect(log).toEqual(['a(chat/send', 'a)']);
});
