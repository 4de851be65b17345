import { live, LiveError } from 'svelte-realtime';
import { HANDLED, LIMITS } from 'svelte-realtime/kernel';
import { middleware, type MessageMiddleware } from 'svelte-realtime/plugins/middleware';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { settle } from 'svelte-realtime/testing';
import { expect, test } from 'vitest';
import { single } from '../../presets/single.ts';
import { startKernel } from '../kernel/tracked.ts';

/** A server with these functions around its frames, and a client of it. */
async function serving(...messages: MessageMiddleware[]) {
	const kernel = await startKernel([middleware({ messages }), rpc()]);
	const ran: unknown[] = [];
	kernel.mount({
		test: {
			echo: live((_ctx, value: unknown) => {
				ran.push(value);
				return value;
			})
		}
	});
	const client = await kernel.connect();
	const call = (id: number): object => ({ type: 'rpc', id, path: 'test/echo', args: [id] });
	const reported = (): string[] =>
		kernel.errors.splice(0).map(({ error }) => (error as Error).message);
	return { kernel, client, ran, call, reported };
}

const codes = (frames: readonly object[]): unknown[] =>
	(frames as { id: number; error?: { code: string } }[]).map(({ id, error }) => [id, error?.code]);

/** A promise, and what resolves it. */
function gate(): { readonly opened: Promise<void>; open(): void } {
	let open = (): void => {};
	const opened = new Promise<void>((resolve) => (open = resolve));
	return { opened, open: () => open() };
}

test('it is around every frame, of types that nobody knows as well, from the first to the last and back', async () => {
	const log: string[] = [];
	const logging =
		(label: string): MessageMiddleware =>
		(message, next) => {
			log.push(`${label} ${message.type}`);
			const outcome = next();
			log.push(`${label} after`);
			return outcome;
		};
	const { client, call, ran } = await serving(logging('one'), logging('two'));

	await client.send(call(1), { type: 'odd', id: 2 });

	expect(log).toEqual([
		...['one rpc', 'two rpc', 'two after', 'one after'],
		...['one odd', 'two odd', 'two after', 'one after']
	]);
	expect(ran).toEqual([1]);
	expect(codes(client.take())).toEqual([
		[1, undefined],
		[2, 'INVALID_REQUEST']
	]);
});

test('what stays synchronous takes no promise', async () => {
	const { kernel, client, call, ran } = await serving((_message, next) => next());

	kernel.message(client.connection, JSON.stringify(call(1)), 60);

	expect(ran).toEqual([1]);
});

test('while it takes its time, later frames of the connection wait, and of no other', async () => {
	const { opened, open } = gate();
	const { kernel, client, call, ran } = await serving(async ({ frame }, next) => {
		if (frame['id'] === 1) await opened;
		return next();
	});
	const other = await kernel.connect();

	await client.send(call(1), call(2));
	await client.send(call(3));
	await other.send(call(4));

	expect(ran).toEqual([4]);
	open();
	await settle();
	expect(ran).toEqual([4, 1, 2, 3]);
	expect(codes(client.take()).map(([id]: any) => id)).toEqual([1, 2, 3]);
});

test('one that goes on after next() holds nobody up', async () => {
	const { opened, open } = gate();
	const { client, call, ran } = await serving(async (_message, next) => {
		const outcome = await next();
		await opened;
		return outcome;
	});

	await client.send(call(1));
	await client.send(call(2));

	expect(ran).toEqual([1, 2]);
	open();
});

test.each<[string, MessageMiddleware]>([
	[
		'at once',
		() => {
			throw new LiveError('FORBIDDEN', 'Not you.', { retryAfter: 5 });
		}
	],
	['later', () => Promise.reject(new LiveError('FORBIDDEN', 'Not you.', { retryAfter: 5 }))]
])(
	'one that refuses %s gives the answer, and the next frame goes through it anew',
	async (_when, refuse) => {
		const { client, call, ran } = await serving(refuse);

		await client.send(call(1), call(2));

		const error = { code: 'FORBIDDEN', message: 'Not you.', retryAfter: 5 };
		expect(client.take()).toEqual([1, 2].map((id) => ({ type: 'reply', id, error })));
		expect(ran).toEqual([]);
	}
);

test('one that fails is reported, and the frame is answered', async () => {
	const { kernel, client, call, ran } = await serving(() => {
		throw new Error('planted');
	});

	await client.send(call(1));

	expect(codes(client.take())).toEqual([[1, 'INTERNAL_ERROR']]);
	expect(ran).toEqual([]);
	expect(kernel.errors.splice(0)).toMatchObject([
		{ plugin: 'middleware', error: { cause: { message: 'planted' } } }
	]);
});

test.each<[string, unknown]>([
	['at once', function forgetful() {}],
	['later', async function forgetful() {}]
])(
	'one that is silent %s is an error that names it, and the frame is answered',
	async (_when, run) => {
		const { client, call, ran, reported } = await serving(run as MessageMiddleware);

		await client.send(call(1));

		expect(codes(client.take())).toEqual([[1, 'INTERNAL_ERROR']]);
		expect(ran).toEqual([]);
		expect(reported()).toEqual([
			expect.stringMatching(/RETURN.*"forgetful" returned nothing for "rpc"/)
		]);
	}
);

test('a forgotten return after next() is reported, and the frame is answered once', async () => {
	const { client, call, ran, reported } = await serving(function forgetful(
		_message: unknown,
		next: () => unknown
	) {
		void next();
	} as unknown as MessageMiddleware);

	await client.send(call(1));

	expect(codes(client.take())).toEqual([[1, undefined]]);
	expect(ran).toEqual([1]);
	expect(reported()).toEqual([expect.stringMatching(/RETURN.*"forgetful" returned nothing/)]);
});

test('a second next() is an error that names it, and runs nothing', async () => {
	const { client, call, ran, reported } = await serving(async function doubled(_message, next) {
		await next();
		return next();
	});

	await client.send(call(1));

	expect(codes(client.take())).toEqual([[1, undefined]]);
	expect(ran).toEqual([1]);
	expect(reported()).toEqual([expect.stringMatching(/TWICE.*"doubled".*"rpc"/)]);
});

test('a next() after the frame was answered for does nothing', async () => {
	const { opened, open } = gate();
	const { client, call, ran, reported } = await serving(((
		_message: unknown,
		next: () => unknown
	) => {
		void opened.then(next);
	}) as unknown as MessageMiddleware);

	await client.send(call(1));
	open();
	await settle();

	expect(codes(client.take())).toEqual([[1, 'INTERNAL_ERROR']]);
	expect(ran).toEqual([]);
	expect(reported()).toHaveLength(1);
});

test('a refusal after next() is reported, and the frame is answered once', async () => {
	const { client, call, reported } = await serving(async (_message, next) => {
		await next();
		throw new LiveError('FORBIDDEN');
	});

	await client.send(call(1));

	expect(codes(client.take())).toEqual([[1, undefined]]);
	expect(reported()).toHaveLength(1);
});

test('a frame whose id is that of another is refused without an answer', async () => {
	const { client } = await serving(() => {
		throw new LiveError('FORBIDDEN');
	});

	await client.send({ type: 'rpc:cancel', id: 1 }, { type: 'odd', id: 2 });

	expect(codes(client.take())).toEqual([[2, 'FORBIDDEN']]);
});

test('more frames than may wait are answered QUEUE_FULL, and those that wait run', async () => {
	const { opened, open } = gate();
	const { client, call, ran } = await serving(async (_message, next) => {
		await opened;
		return next();
	});
	const most = LIMITS.deferredFrames;

	for (let id = 1; id <= most + 2; id += 1) await client.send(call(id));

	expect(codes(client.take())).toEqual([
		[most + 1, 'QUEUE_FULL'],
		[most + 2, 'QUEUE_FULL']
	]);
	open();
	for (let turn = 0; turn < 200 && ran.length < most; turn += 1) await settle();
	expect(ran).toHaveLength(most);
});

test('frames that wait for a connection that has gone do nothing', async () => {
	const { opened, open } = gate();
	let entered = 0;
	const { client, call, ran } = await serving(async (_message, next) => {
		entered += 1;
		await opened;
		return next();
	});

	await client.send(call(1), call(2));
	await client.leave();
	open();
	await settle();

	expect(entered).toBe(1);
	expect(ran).toEqual([]);
});

test('a wrap of a plugin that keeps a frame is reported, and the frame is answered', async () => {
	const kernel = await startKernel([
		{
			name: 'keeper',
			setup({ hook }) {
				hook('frame', () => {});
				hook('message', () => HANDLED);
			}
		}
	]);
	const client = await kernel.connect();

	await client.send({ type: 'any', id: 1 });

	expect(codes(client.take())).toEqual([[1, 'INTERNAL_ERROR']]);
	expect(kernel.errors.splice(0)).toMatchObject([{ plugin: 'keeper' }]);
});

test('the preset takes both kinds', async () => {
	const log: string[] = [];
	const kernel = await startKernel(
		single({
			middleware: {
				calls: [(_call, next) => (log.push('call'), next())],
				messages: [(_message, next) => (log.push('message'), next())]
			}
		})
	);
	kernel.mount({ test: { echo: live(() => 1) } });
	const client = await kernel.connect();

	expect(await client.call('test/echo')).toBe(1);

	expect(log).toEqual(['message', 'call']);
});

test('what is no function is refused when it is listed', () => {
	expect(() => middleware({ messages: [undefined as never] })).toThrow('"#1" of middleware()');
});
