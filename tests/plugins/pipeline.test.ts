import { expect, test } from 'vitest';
import { declared, live, LiveError, type MaybePromise } from 'svelte-realtime';
import { rpc, type Check, type Wrap } from 'svelte-realtime/plugins/rpc';
import { startKernel } from '../kernel/tracked.ts';

type Guard = (ctx: never, ...args: never[]) => MaybePromise<boolean | void>;

/** A kernel that runs `test/add` with this guard, and says which steps ran. */
async function calling(guard?: Guard) {
	const kernel = await startKernel([rpc()]);
	const steps: string[] = [];
	const handler = (_ctx: unknown, a: number, b: number): number => {
		steps.push('handler');
		return a + b;
	};
	const schema = { '~standard': checked(steps) };
	const add = declared(handler, { kind: 'rpc', schema, handler, guard });
	kernel.use('rpc').mount({ test: { add } });
	const ada = await kernel.connect();
	const call = async (): Promise<unknown> => {
		await ada.send({ type: 'rpc', id: 1, path: 'test/add', args: [1, 2] });
		return ada.take();
	};
	return { kernel, rpc: kernel.use('rpc'), steps, call };
}

function checked(steps: string[]) {
	const validate = (value: unknown) => {
		steps.push('validate');
		return { value: value as number };
	};
	return { version: 1 as const, vendor: 'test', validate };
}

const refused = (code: string): object[] => [
	expect.objectContaining({ error: expect.objectContaining({ code }) })
];
const later = async <T>(value: T): Promise<T> => {
	await Promise.resolve();
	return value;
};

test('an invocation is checked, validated, guarded and run inside what is around it', async () => {
	const { rpc, steps, call } = await calling((_ctx, a: number, b: number) => {
		steps.push(`guard ${a} ${b}`);
	});
	rpc.before(() => void steps.push('check'));
	const around =
		(name: string): Wrap =>
		async (_call, next) => {
			steps.push(`${name} begins`);
			const result = await next();
			steps.push(`${name} ends`);
			return result;
		};
	rpc.around(around('outer'));
	rpc.around(around('inner'));

	expect(await call()).toEqual([{ type: 'reply', id: 1, data: 3 }]);

	expect(steps).toEqual([
		'check',
		'validate',
		'guard 1 2',
		'outer begins',
		'inner begins',
		'handler',
		'inner ends',
		'outer ends'
	]);
});

const refuse: Check = () => {
	throw new LiveError('RATE_LIMITED', 'Not now.', { retryAfter: 70 });
};

test.each<[string, Check]>([
	['at once', refuse],
	['later', async (...args) => refuse(...(await later(args)))]
])('a check that refuses %s keeps everything else from running', async (_when, check) => {
	const { rpc, steps, call } = await calling();
	rpc.before(() => later(undefined));
	rpc.before(check);

	const error = { code: 'RATE_LIMITED', message: 'Not now.', retryAfter: 70 };
	expect(await call()).toEqual([{ type: 'reply', id: 1, error }]);

	expect(steps).toEqual([]);
});

test.each<[string, Guard, string]>([
	['says no', () => false, 'FORBIDDEN'],
	['says no later', () => later(false), 'FORBIDDEN'],
	[
		'fails with a code',
		() => {
			throw new LiveError('UNAUTHENTICATED');
		},
		'UNAUTHENTICATED'
	]
])('a guard that %s keeps the function from running', async (_what, guard, code) => {
	const { steps, call } = await calling(guard);

	expect(await call()).toEqual(refused(code));

	expect(steps).toEqual(['validate']);
});

test.each<[string, Guard]>([
	['says nothing', () => undefined],
	['says yes later', () => later(true)]
])('a guard that %s lets the call through', async (_what, guard) => {
	const { call } = await calling(guard);

	expect(await call()).toEqual([{ type: 'reply', id: 1, data: 3 }]);
});

test('what is around a call may answer in its place', async () => {
	const { rpc, steps, call } = await calling();
	rpc.around(() => 'cached');

	expect(await call()).toEqual([{ type: 'reply', id: 1, data: 'cached' }]);

	expect(steps).toEqual(['validate']);
});

test('a check and a wrap that are taken out do not run any more', async () => {
	const { rpc, steps, call } = await calling();
	const removeCheck = rpc.before(refuse);
	const removeWrap = rpc.around(() => 'cached');

	removeCheck();
	removeWrap();
	removeWrap();

	expect(await call()).toEqual([{ type: 'reply', id: 1, data: 3 }]);
	expect(steps).toEqual(['validate', 'handler']);
});

test('the parts of a declaration are called by its path, a dot and their name', async () => {
	const kernel = await startKernel([rpc()]);
	const parts = { rename: live((_ctx, name: string) => name.toUpperCase()), note: 'no export' };
	const room = declared(() => undefined, { kind: 'room', schema: undefined, parts });
	kernel.use('rpc').mount({ test: { room } });
	const ada = await kernel.connect();

	await ada.send({ type: 'rpc', id: 1, path: 'test/room.rename', args: ['ada'] });
	await ada.send({ type: 'rpc', id: 2, path: 'test/room', args: [] });
	await ada.send({ type: 'rpc', id: 3, path: 'test/room.note', args: [] });

	expect(ada.take()).toEqual([
		{ type: 'reply', id: 1, data: 'ADA' },
		...refused('INVALID_REQUEST'),
		...refused('NOT_FOUND')
	]);
	expect(kernel.use('rpc').paths()).toEqual(['test/room', 'test/room.rename']);
});
