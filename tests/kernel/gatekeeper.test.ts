import { expect, test } from 'vitest';
import {
	definePlugin,
	deny,
	type KernelHooks,
	type Origins,
	type Plugin,
	type UpgradeRequest
} from 'svelte-realtime/kernel';
import { isAllowedOrigin } from '../../kernel/origin.ts';
import { startKernel, takeErrors } from './tracked.ts';

const OWN = 'https://app.example';

const request = (
	headers: Record<string, string> = {},
	origin: string | undefined = OWN
): UpgradeRequest => ({
	url: '/ws',
	headers,
	ip: '127.0.0.1',
	origin
});

const gate = (handler: KernelHooks['upgrade'], name = 'gate'): Plugin =>
	definePlugin({ name, setup: ({ hook }) => void hook('upgrade', handler) });

test.each<
	[origins: Origins, header: string | undefined, own: string | undefined, allowed: boolean]
>([
	['same-origin', OWN, OWN, true],
	['same-origin', 'https://APP.example', OWN, true],
	['same-origin', 'https://app.example:443', OWN, true],
	['same-origin', 'https://app.example:444', OWN, false],
	['same-origin', 'http://app.example', OWN, false],
	['same-origin', 'http://app.example:3000', 'http://app.example:3000', true],
	['same-origin', 'http://app.example', 'http://app.example:3000', false],
	['same-origin', 'https://evil.example', OWN, false],
	['same-origin', 'https://app.example.evil', OWN, false],
	['same-origin', 'https://sub.app.example', OWN, false],
	['same-origin', 'null', OWN, false],
	['same-origin', 'null', undefined, false],
	['same-origin', '', OWN, false],
	['same-origin', 'nonsense', OWN, false],
	['same-origin', 'file://', OWN, false],
	['same-origin', 'file:///a', 'file:///b', false],
	['same-origin', OWN, undefined, false],
	['same-origin', OWN, '', false],
	['same-origin', undefined, OWN, true],
	[['https://friend.example'], 'https://friend.example', OWN, true],
	[['https://friend.example/'], 'https://friend.example', OWN, true],
	[['https://friend.example'], OWN, OWN, true],
	[['https://friend.example'], 'https://evil.example', OWN, false],
	[['https://friend.example:8443'], 'https://friend.example', OWN, false],
	[['null'], 'null', OWN, false],
	[['*'], 'https://evil.example', OWN, false],
	[[], OWN, OWN, true],
	[[], 'https://evil.example', OWN, false],
	[['https://friend.example'], undefined, OWN, true],
	['*', 'https://evil.example', OWN, true],
	['*', 'null', undefined, true]
])('with origins %j a page of %s may connect to %s: %s', (origins, header, own, allowed) => {
	const headers: Record<string, string> = header === undefined ? {} : { origin: header };

	// Not by the default argument: undefined is one of the cases.
	expect(isAllowedOrigin({ ...request(headers), origin: own }, origins)).toBe(allowed);
});

test('an upgrade from a foreign origin is refused before any gate runs', async () => {
	let asked = false;
	const kernel = await startKernel([gate(() => void (asked = true))]);

	const answer = kernel.upgrade(request({ origin: 'https://evil.example' }));

	expect(answer).toMatchObject({ ok: false, status: 403, code: 'FORBIDDEN' });
	expect(asked).toBe(false);
});

test('a page is rendered whatever the Origin header of its request', async () => {
	const kernel = await startKernel([]);

	expect(kernel.identify(request({ origin: 'https://evil.example' }))).toMatchObject({ ok: true });
});

test('without gates everybody is welcome, at once', async () => {
	const kernel = await startKernel([]);

	expect(kernel.upgrade(request())).toEqual({ ok: true, data: {}, responseHeaders: {} });
});

test('gates fill data and headers, and later ones see what earlier ones wrote', async () => {
	const seen: unknown[] = [];
	const kernel = await startKernel([
		gate(({ data, responseHeaders }) => {
			data.user = 'ada';
			responseHeaders['x-test'] = '1';
		}, 'first'),
		gate(async ({ data, purpose, request }) => {
			seen.push(data.user, purpose, request.url);
		}, 'second')
	]);

	expect(await kernel.upgrade(request())).toEqual({
		ok: true,
		data: { user: 'ada' },
		responseHeaders: { 'x-test': '1' }
	});
	expect(await kernel.identify(request())).toMatchObject({ ok: true, data: { user: 'ada' } });
	expect(seen).toEqual(['ada', 'socket', '/ws', 'ada', 'render', '/ws']);
});

test('what a gate wrote for one visitor is not there for the next', async () => {
	const kernel = await startKernel([
		gate(({ data, cookies }) => {
			if (cookies['name']) data.user = cookies['name'];
		})
	]);

	expect(kernel.upgrade(request({ cookie: 'name=ada' }))).toMatchObject({ data: { user: 'ada' } });
	expect(kernel.upgrade(request())).toMatchObject({ data: {} });
});

test.each([
	['UNAUTHENTICATED', 401],
	['FORBIDDEN', 403],
	['RATE_LIMITED', 429],
	['SERVICE_UNAVAILABLE', 503],
	['OUT_OF_COFFEE', 403],
	['__proto__', 403]
])('a gate that denies with %s answers %i', async (code, status) => {
	const kernel = await startKernel([gate(() => deny(code, 'because'))]);

	expect(kernel.upgrade(request())).toEqual({ ok: false, status, code, reason: 'because' });
});

test.each<[string, KernelHooks['upgrade']]>([
	[
		'throws',
		() => {
			throw new Error('boom');
		}
	],
	['rejects', () => Promise.reject(new Error('boom'))],
	['answers true', (() => true) as never],
	['answers true later', (async () => true) as never],
	['answers null later', (async () => null) as never]
])('a gate that %s lets nobody in, and tells nobody why', async (_, handler) => {
	const kernel = await startKernel([gate(handler, 'broken')]);

	const answer = await kernel.upgrade(request());

	expect(answer).toEqual({
		ok: false,
		status: 500,
		code: 'INTERNAL_ERROR',
		reason: 'Internal server error.'
	});
	expect(takeErrors(kernel)).toEqual(['broken RT_HOOK_FAILED']);
});

test('gates that take longer than the limit answer 504, and are told to whoever counts', async () => {
	const limited: string[] = [];
	const kernel = await startKernel([
		gate(() => new Promise<void>(() => {})),
		definePlugin({
			name: 'metrics',
			setup: ({ hook }) => void hook('limited', ({ limit }) => void limited.push(limit))
		})
	]);

	const answer = kernel.upgrade(request());
	await kernel.clock.advance(kernel.limits.upgradeTimeout);

	expect(await answer).toMatchObject({ ok: false, status: 504, code: 'TIMED_OUT_GUARD' });
	expect(limited).toEqual(['upgradeTimeout']);
	expect(kernel.clock.pending).toBe(0);
});

test('a gate that answers in time leaves no timer', async () => {
	const kernel = await startKernel([gate(async () => {})]);

	expect(await kernel.upgrade(request())).toMatchObject({ ok: true });
	expect(kernel.clock.pending).toBe(0);
});

test.each([
	['svelte-realtime, svelte-realtime.auth.ab.c-d_e', 'ab.c-d_e'],
	['svelte-realtime,svelte-realtime.auth.%C3%A4%20%28b%29', 'ä (b)'],
	['svelte-realtime.auth.', ''],
	['svelte-realtime', undefined],
	['other.svelte-realtime.auth.a', undefined],
	['svelte-realtime, svelte-realtime.auth.%', undefined],
	[undefined, undefined]
])('of the subprotocols %s gates read the token %s', async (protocols, token) => {
	const seen: unknown[] = [];
	const kernel = await startKernel([gate((ctx) => void seen.push(ctx.token))]);

	await kernel.upgrade(
		request(protocols === undefined ? {} : { 'sec-websocket-protocol': protocols })
	);

	expect(seen).toEqual([token]);
});

test('cookies are read, and of several with one name the first counts', async () => {
	let cookies: Readonly<Record<string, string | undefined>> = {};
	const kernel = await startKernel([gate((ctx) => void (cookies = ctx.cookies))]);

	await kernel.upgrade(request({ cookie: 'a=1; b=%20x; a=2; __proto__=evil; c' }));

	expect(cookies['a']).toBe('1');
	expect(cookies['b']).toBe(' x');
	expect(cookies['toString']).toBeUndefined();
});
