import { live, LiveError } from 'svelte-realtime';
import {
	answer,
	middleware,
	type Middleware,
	type MiddlewareCall
} from 'svelte-realtime/plugins/middleware';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';
import { settle } from 'svelte-realtime/testing';
import { describe, expect, test } from 'vitest';
import { startKernel } from '../kernel/tracked.ts';

/** A server with these functions around its own, and a client of it. */
async function serving(...functions: Middleware[]) {
	const kernel = await startKernel([middleware(...functions), rpc(), replay(), streams()]);
	const ran: unknown[][] = [];
	kernel.use('rpc').mount({
		test: {
			echo: live((_ctx, value: unknown) => {
				ran.push(['echo', value]);
				return value;
			}),
			later: live(async (_ctx, value: unknown) => {
				await Promise.resolve();
				ran.push(['later', value]);
				if (value === 'bad') throw new Error('planted');
				return value;
			}),
			nothing: live(() => undefined),
			feed: live.stream('feed', () => {
				ran.push(['feed']);
				return [1];
			})
		}
	});
	const client = await kernel.connect({ user: { id: 1 } });
	const call = async (name: string, ...args: unknown[]): Promise<unknown> => {
		await client.send({ type: 'rpc', id: 1, path: `test/${name}`, args });
		await settle();
		const [reply] = client.take() as unknown as readonly {
			error?: { code: string };
			data?: unknown;
		}[];
		return reply?.error?.code ?? reply?.data;
	};
	const reported = (): string[] =>
		kernel.errors.splice(0).map(({ error }) => (error as Error).message);
	return { kernel, client, call, ran, reported };
}

const passing: Middleware = (_call, next) => next();

describe.each(['echo', 'later'])('around a call (%s)', (name) => {
	test('a middleware sees context, path, kind and checked arguments', async () => {
		const seen: MiddlewareCall[] = [];
		const { call } = await serving((it, next) => {
			seen.push(it);
			return next();
		});

		expect(await call(name, 'a')).toBe('a');

		expect(seen).toMatchObject([{ path: `test/${name}`, kind: 'rpc', args: ['a'] }]);
		expect(seen[0]!.ctx.user).toEqual({ id: 1 });
	});

	test('they run from the first to the last, and back', async () => {
		const log: string[] = [];
		const logging =
			(label: string): Middleware =>
			async (_call, next) => {
				log.push(`${label} before`);
				const outcome = await next();
				log.push(`${label} after ${String(outcome.value)}`);
				return outcome;
			};
		const { call } = await serving(logging('one'), logging('two'));

		expect(await call(name, 'a')).toBe('a');

		expect(log).toEqual(['one before', 'two before', 'two after a', 'one after a']);
	});

	test('one that answers itself keeps the function from running, and can change its result', async () => {
		const { call, ran } = await serving(async ({ args }, next) => {
			if (args[0] === 'cached') return answer('from the cache');
			const { value } = await next();
			return answer(`${String(value)}!`);
		});

		expect(await call(name, 'cached')).toBe('from the cache');
		expect(ran).toEqual([]);
		expect(await call(name, 'a')).toBe('a!');
	});

	test('one that throws refuses, with its code', async () => {
		const { call, ran } = await serving(() => {
			throw new LiveError('FORBIDDEN');
		});

		expect(await call(name, 'a')).toBe('FORBIDDEN');
		expect(ran).toEqual([]);
	});

	test('a second next() is an error that names it, and runs nothing', async () => {
		const { call, ran, reported } = await serving(async function doubled(_call, next) {
			await next();
			return next();
		});

		expect(await call(name, 'a')).toBe('INTERNAL_ERROR');
		expect(ran).toHaveLength(1);
		expect(reported()).toEqual([expect.stringMatching(/TWICE.*"doubled".*"test\/(echo|later)"/)]);
	});

	test('a forgotten return is an error that names it, and is answered', async () => {
		const forgetful = ((_call: unknown, next: () => unknown) => void next()) as never;
		const { call, reported } = await serving(passing, forgetful);

		expect(await call(name, 'a')).toBe('INTERNAL_ERROR');
		expect(reported()).toEqual([expect.stringMatching(/RETURN.*"forgetful" returned nothing/)]);
	});
});

test('a result that is undefined is no forgotten return', async () => {
	const { client } = await serving(passing, async (_call, next) => next());

	await client.send({ type: 'rpc', id: 1, path: 'test/nothing' });
	await settle();

	expect(client.take()).toEqual([{ type: 'reply', id: 1 }]);
});

test('what fails behind a middleware that has forgotten it ends nothing', async () => {
	const { call, reported } = await serving(((_call: unknown, next: () => unknown) => {
		void next();
	}) as unknown as Middleware);

	expect(await call('later', 'bad')).toBe('INTERNAL_ERROR');
	await settle();
	expect(reported()).toEqual([expect.stringContaining('"#1" returned nothing')]);
});

test('an error goes through every middleware, which may catch it', async () => {
	const { call, reported } = await serving(async (_call, next) => {
		try {
			return await next();
		} catch (error) {
			return answer((error as Error).message);
		}
	}, passing);

	expect(await call('later', 'bad')).toBe('planted');
	expect(reported()).toEqual([]);
});

test('it is around a stream as well, and its subscription goes on', async () => {
	const kinds: string[] = [];
	const { kernel, client } = await serving(async ({ kind }, next) => {
		kinds.push(kind);
		return next();
	});

	await client.send({ type: 'stream', id: 1, path: 'test/feed' });
	await settle();
	kernel.publish('feed', 'created', { id: 2 });

	expect(kinds).toEqual(['stream']);
	expect(client.take().map(({ type }) => type)).toEqual(['stream:snapshot', 'event']);
});

test('a stream is refused by an error, and never answered with something else', async () => {
	const refusing = await serving(() => {
		throw new LiveError('FORBIDDEN');
	});
	const answering = await serving(function mistaken() {
		return answer([]);
	});

	for (const { client } of [refusing, answering]) {
		await client.send({ type: 'stream', id: 1, path: 'test/feed' });
		await settle();
	}

	expect(refusing.client.take()).toMatchObject([{ error: { code: 'FORBIDDEN' } }]);
	expect(answering.client.take()).toMatchObject([{ error: { code: 'INTERNAL_ERROR' } }]);
	expect(answering.reported()).toEqual([expect.stringContaining('"mistaken" returned an answer')]);
	expect([...refusing.ran, ...answering.ran]).toEqual([]);
});

test('what is no function is refused when it is listed', () => {
	expect(() => middleware(passing, undefined as never)).toThrow('"#2" of middleware()');
});
