import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { live, verifySignature, type WebhookOptions } from 'svelte-realtime';
import { definePlugin, DROP } from 'svelte-realtime/kernel';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { webhooks, type WebhooksOptions } from 'svelte-realtime/plugins/webhooks';
import { createTestKernel, provided, settle, VirtualClock } from 'svelte-realtime/testing';

const NOW = 1_800_000_000_000;
const SECRET = 'whsec_test';

interface Order {
	id: string;
	type: string;
	at: number;
}

/** A signed request of a service. */
function posted(order: Partial<Order>, { secret = SECRET, at = NOW, body = '' } = {}) {
	const text = body || JSON.stringify({ id: 'evt_1', type: 'paid', at: NOW, ...order });
	const time = Math.floor(at / 1000);
	const signature = createHmac('sha256', secret).update(`${time}.${text}`).digest('hex');
	return { body: text, headers: { 'X-Signature': `t=${time},v1=${signature}` } };
}

async function server(
	changes: Partial<WebhookOptions<Order>> = {},
	options?: WebhooksOptions,
	topic: Parameters<typeof live.webhook<Order>>[0] = 'orders'
) {
	const published: { topic: string; event: string; data: unknown }[] = [];
	/** What becomes of the next publishes. */
	const verdicts: (typeof DROP | Error | undefined)[] = [];
	const watching = definePlugin({
		name: 'watching',
		setup(kernel) {
			kernel.hook('publish', () => {
				const verdict = verdicts.shift();
				if (verdict instanceof Error) throw verdict;
				return verdict;
			});
			kernel.hook(
				'published',
				({ topic, event, data }) => void published.push({ topic, event, data })
			);
		}
	});
	const kernel = await createTestKernel([rpc(), webhooks(options), watching, replay()], {
		clock: new VirtualClock(NOW)
	});
	const orders = live.webhook<Order>(topic, {
		verify: ({ body, bytes, headers }) =>
			verifySignature({
				body: bytes,
				header: headers.get('x-signature'),
				secret: SECRET,
				now: kernel.clock.now()
			}) && (JSON.parse(body) as Order),
		transform: ({ type, id }) => ({ event: type, data: id }),
		id: (order) => order.id,
		timestamp: (order) => order.at,
		...changes
	});
	kernel.mount({ billing: { orders } });
	const post = (input: Parameters<ReturnType<typeof hooks>['handle']>[1]) =>
		hooks().handle('billing/orders', input);
	const hooks = () => kernel.use('webhooks');
	const takeErrors = () =>
		(kernel.errors as { error: unknown }[]).splice(0).map(({ error }) => error);
	return { kernel, post, published, verdicts, takeErrors };
}

test('a signed event is published once, whatever the case of its headers', async () => {
	const { post, published } = await server();

	expect(await post(posted({}))).toMatchObject({ status: 200, body: 'OK' });
	expect(published).toEqual([{ topic: 'orders', event: 'paid', data: 'evt_1' }]);
});

test.each([
	['another secret', posted({}, { secret: 'other' })],
	['another body', { ...posted({}), body: JSON.stringify({ id: 'evt_2', type: 'paid', at: NOW }) }],
	['one more space', { ...posted({}), body: `${posted({}).body} ` }],
	['no signature', { ...posted({}), headers: {} }],
	['an old signature', posted({}, { at: NOW - 300_001 })],
	['half a signature', { ...posted({}), headers: { 'x-signature': `t=${NOW / 1000},v1=00` } }],
	[
		'two times',
		{ ...posted({}), headers: { 'x-signature': `t=1,${posted({}).headers['X-Signature']}` } }
	],
	['no JSON', posted({}, { body: 'hello' })]
])('%s is answered 400 without a word of why, and nothing is published', async (_, request) => {
	const { post, published, kernel } = await server();

	expect(await post(request)).toEqual({
		status: 400,
		body: 'Verification failed',
		headers: { 'content-type': 'text/plain; charset=utf-8' }
	});
	expect(published).toEqual([]);
	expect(kernel.errors).toEqual([]);
});

test.each<[string, WebhookOptions<Order>['verify']]>([
	['rejects', () => Promise.reject(new Error('secret detail'))],
	[
		'throws',
		() => {
			throw new Error('secret detail');
		}
	],
	['says false', () => false],
	['says false later', () => Promise.resolve(false as const)],
	['says nothing', () => undefined as never],
	['says null', () => Promise.resolve(null as never)]
])('a verify that %s is awaited, and lets nothing through', async (_, verify) => {
	const { post, published } = await server({ verify });

	expect(await post(posted({}))).toMatchObject({ status: 400, body: 'Verification failed' });
	expect(published).toEqual([]);
});

test('verify has the very bytes and the text, with its mark at the beginning', async () => {
	const seen: unknown[] = [];
	const { post } = await server({
		verify: ({ body, bytes }) => {
			seen.push(body, bytes);
			return false;
		}
	});
	const bytes = new Uint8Array([0xef, 0xbb, 0xbf, 0x7b, 0x7d, 0xff]);

	await post({ body: bytes, headers: {} });
	await post({ request: new Request('http://x', { method: 'POST', body: bytes }) });

	expect(seen).toEqual(['\ufeff{}\ufffd', bytes, '\ufeff{}\ufffd', bytes]);
});

// --- again ---

test('an event that comes again is answered 200, and not published again', async () => {
	const { post, published, kernel } = await server();

	for (let turn = 0; turn < 3; turn += 1) {
		expect(await post(posted({}))).toMatchObject({ status: 200, body: 'OK' });
	}
	await post(posted({ id: 'evt_2' }));
	expect(published.map(({ data }) => data)).toEqual(['evt_1', 'evt_2']);
	// While it could still be fresh, its id is known.
	await kernel.clock.advance(300_000);
	expect(await post(posted({}, { at: NOW + 300_000 }))).toMatchObject({ status: 200 });
	expect(published).toHaveLength(2);
});

test('two that come at once are published once, and answered the same', async () => {
	let go = (): void => {};
	const { post, published } = await server({
		async transform({ id }) {
			await new Promise<void>((done) => (go = done));
			return { event: 'paid', data: id };
		}
	});

	const both = Promise.all([post(posted({})), post(posted({}))]);
	await settle();
	go();

	expect(await both).toMatchObject([{ status: 200 }, { status: 200 }]);
	expect(published).toHaveLength(1);
});

test('a first one that fails does not make the one that came meanwhile a success', async () => {
	let fail = (): void => {};
	let runs = 0;
	const { post, published, takeErrors } = await server({
		async transform({ id }) {
			runs += 1;
			if (runs > 1) return { event: 'paid', data: id };
			await new Promise<void>((_, reject) => (fail = () => reject(new Error('no database'))));
			return null;
		}
	});

	const both = Promise.all([post(posted({})), post(posted({}))]);
	await settle();
	fail();

	expect(await both).toMatchObject([{ status: 500 }, { status: 500 }]);
	takeErrors();
	expect(await post(posted({}))).toMatchObject({ status: 200 });
	expect(published).toHaveLength(1);
});

test('what another instance works on is answered 503, to come again; what it has done, 200', async () => {
	const claims: string[] = ['running', 'done'];
	const store = provided('dedup.store', {
		claim: () => claims.shift() as 'running',
		done() {},
		free() {}
	});
	const kernel = await createTestKernel([rpc(), store, webhooks()]);
	const orders = live.webhook('orders', {
		verify: () => ({ id: '1' }),
		id: ({ id }) => id,
		transform: () => ({ event: 'x' })
	});
	kernel.mount({ billing: { orders } });
	const post = () => kernel.use('webhooks').handle('billing/orders', { body: '', headers: {} });

	expect(await post()).toMatchObject({ status: 503, headers: { 'retry-after': '30' } });
	expect(await post()).toMatchObject({ status: 200 });
});

test('one id of two webhooks is two events', async () => {
	const { kernel, post, published } = await server();
	const refunds = live.webhook('refunds', {
		verify: () => ({ id: 'evt_1' }),
		id: ({ id }) => id,
		transform: ({ id }) => ({ event: 'refunded', data: id })
	});
	const orders = live.webhook('orders', {
		verify: () => ({ id: 'evt_1' }),
		id: ({ id }) => id,
		transform: ({ id }) => ({ event: 'paid', data: id })
	});
	kernel.mount({ billing: { orders, refunds } });

	await post(posted({}));
	await kernel.use('webhooks').handle('billing/refunds', posted({}));

	expect(published.map(({ event }) => event)).toEqual(['paid', 'refunded']);
});

// --- time ---

test.each([
	[-300_000, 200],
	[300_000, 200],
	[-300_001, 400],
	[300_001, 400],
	[NaN, 400]
])('an event %d ms away from now is answered %d', async (distance, status) => {
	const { post } = await server();

	expect(await post(posted({ at: NOW + distance }))).toMatchObject({ status });
});

test.each([[NaN], [undefined], [null], ['soon'], [new Date(NaN)]])(
	'%s is no time, so the event is not fresh',
	async (time) => {
		const { post, published } = await server({ timestamp: () => time as never });

		expect(await post(posted({}))).toMatchObject({ status: 400 });
		expect(published).toEqual([]);
	}
);

test('a Date is a time, and the tolerance is the webhook’s own', async () => {
	const { post } = await server({ timestamp: ({ at }) => new Date(at), tolerance: 1000 });

	expect(await post(posted({ at: NOW - 1000 }))).toMatchObject({ status: 200 });
	expect(await post(posted({ at: NOW - 1001, id: 'evt_2' }))).toMatchObject({ status: 400 });
});

test('a tolerance that outlasts the memory of ids keeps the module from being mounted', async () => {
	const { kernel } = await server({}, { window: 600_000 });
	const options = { verify: () => ({}), transform: () => null };

	expect(() =>
		kernel.mount({ a: { b: live.webhook('x', { ...options, tolerance: 300_001 }) } })
	).toThrow(/RT_OPTION_INVALID.*tolerance/);
});

test('an event without the id that it should have is refused', async () => {
	const { post, published } = await server({ id: () => undefined as never });

	expect(await post(posted({}))).toMatchObject({ status: 400 });
	expect(published).toEqual([]);
});

test('when no more ids can be remembered the answer is 503, and nothing is published twice', async () => {
	const { post, published } = await server({}, { size: 1 });

	expect(await post(posted({}))).toMatchObject({ status: 200 });
	expect(await post(posted({ id: 'evt_2' }))).toMatchObject({ status: 503 });
	expect(await post(posted({}))).toMatchObject({ status: 200 });
	expect(published).toHaveLength(1);
});

// --- what is published ---

test('transform makes none, one or several, in order', async () => {
	const made: WebhookOptions<Order>['transform'] = ({ type }) =>
		type === 'none' ? null : [{ event: 'a' }, { event: 'b', data: 2 }];
	const { post, published } = await server({ transform: made });

	expect(await post(posted({ type: 'none' }))).toMatchObject({ status: 200, body: 'Ignored' });
	expect(await post(posted({ id: 'evt_2' }))).toMatchObject({ status: 200, body: 'OK' });
	expect(published.map(({ event, data }) => [event, data])).toEqual([
		['a', undefined],
		['b', 2]
	]);
});

test('the topic may be a function of the event', async () => {
	const { post, published } = await server({}, {}, ({ id }) => `orders:${id}`);

	await post(posted({}));

	expect(published).toMatchObject([{ topic: 'orders:evt_1' }]);
});

test.each<[string, Partial<WebhookOptions<Order>>, ((order: Order) => string)?]>([
	[
		'transform throws',
		{
			transform: () => {
				throw new Error('detail');
			}
		}
	],
	['transform rejects', { transform: () => Promise.reject(new Error('detail')) }],
	['transform forgets to return', { transform: () => undefined as never }],
	['transform returns no event', { transform: () => ({ event: 1 }) as never }],
	[
		'timestamp throws',
		{
			timestamp: () => {
				throw new Error('detail');
			}
		}
	],
	['the topic is a plugin’s', {}, () => '__presence:x'],
	['the topic is none', {}, () => undefined as never]
])(
	'where %s the answer is 500, the operator hears why, and it can come again',
	async (_, changes, topic) => {
		const { post, published, takeErrors, kernel } = await server(changes, {}, topic ?? 'orders');

		expect(await post(posted({}))).toMatchObject({ status: 500, body: 'Internal error' });
		expect(takeErrors()).toEqual([expect.objectContaining({ code: 'RT_REACTION_FAILED' })]);
		expect(published).toEqual([]);
		const fixed = live.webhook<Order>('orders', {
			verify: () => ({ id: 'evt_1', type: 'paid', at: NOW }),
			id: ({ id }) => id,
			transform: ({ type }) => ({ event: type })
		});
		kernel.mount({ billing: { orders: fixed } });
		expect(await post(posted({}))).toMatchObject({ status: 200 });
		expect(published).toHaveLength(1);
	}
);

test('what was surely not published is answered 503, and published when it comes again', async () => {
	const { post, published, verdicts, takeErrors } = await server();
	verdicts.push(new Error('store is down'));

	expect(await post(posted({}))).toMatchObject({
		status: 503,
		headers: { 'retry-after': '30' }
	});
	expect(published).toEqual([]);
	takeErrors();
	expect(await post(posted({}))).toMatchObject({ status: 200 });
	expect(published).toHaveLength(1);
});

test('what a plugin drops on purpose does not come again', async () => {
	const { post, published, verdicts } = await server();
	verdicts.push(DROP);

	expect(await post(posted({}))).toMatchObject({ status: 200 });
	expect(await post(posted({}))).toMatchObject({ status: 200 });
	expect(published).toEqual([]);
});

// --- bodies ---

test('a body over the limit is answered 413, by what it says and by what it is', async () => {
	const { post } = await server({ maxSize: 100 });
	const url = 'http://localhost/hook';
	let pulled = 0;
	const endless = new ReadableStream<Uint8Array>({
		pull(controller) {
			pulled += 1;
			controller.enqueue(new Uint8Array(60));
		}
	});

	expect(await post({ body: 'x'.repeat(101), headers: {} })).toMatchObject({ status: 413 });
	expect(
		await post({
			request: new Request(url, {
				method: 'POST',
				body: 'x',
				headers: { 'content-length': '2097152' }
			})
		})
	).toMatchObject({ status: 413 });
	const init = { method: 'POST', body: endless, duplex: 'half' } as RequestInit;
	expect(await post({ request: new Request(url, init) })).toMatchObject({ status: 413 });
	expect(pulled).toBeLessThan(5);
});

test('a body that breaks off is answered 400', async () => {
	const { post, kernel } = await server();
	const broken = new ReadableStream({ pull: (controller) => controller.error(new Error('gone')) });
	const init = { method: 'POST', body: broken, duplex: 'half' } as RequestInit;

	expect(await post({ request: new Request('http://x', init) })).toMatchObject({ status: 400 });
	expect(kernel.errors).toEqual([]);
});

test('no client can call a webhook, and what is none is not found', async () => {
	const { kernel, published } = await server();
	const ada = await kernel.connect();

	await expect(ada.call('billing/orders', { id: 1 })).rejects.toMatchObject({
		code: 'INVALID_REQUEST'
	});
	const hooks = kernel.use('webhooks');
	for (const path of ['billing/none', '__proto__', 'billing/orders/x']) {
		expect(await hooks.handle(path, posted({}))).toMatchObject({ status: 404 });
	}
	expect(published).toEqual([]);
});

test('what is wrong with a webhook is an error where it is written', () => {
	const right = { verify: () => ({}), transform: () => null };

	expect(() => live.webhook('x', { ...right, verify: undefined as never })).toThrow(/RT_LIVE_ARG/);
	expect(() => live.webhook('x', { ...right, id: 'id' as never })).toThrow(/RT_LIVE_ARG/);
	expect(() => live.webhook('x', undefined as never)).toThrow(/RT_LIVE_ARG/);
	expect(() => live.webhook('__x', right)).toThrow(/RT_OPTION_INVALID/);
	expect(() => live.webhook('', right)).toThrow(/RT_OPTION_INVALID/);
	expect(() => live.webhook('x', { ...right, tolerance: -1 })).toThrow(/RT_OPTION_INVALID/);
	expect(() => live.webhook('x', { ...right, maxSize: 0 })).toThrow(/RT_OPTION_INVALID/);
	expect(() => (live.webhook('x', right) as () => never)()).toThrow(/RT_LIVE_ARG/);
});

// --- signatures ---

test('a signature of the body alone, as GitHub has it', () => {
	const body = 'Hello, World!';
	const header = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';
	const secret = "It's a Secret to Everybody";

	expect(verifySignature({ body, header, secret, scheme: 'plain' })).toBe(true);
	expect(verifySignature({ body: `${body} `, header, secret, scheme: 'plain' })).toBe(false);
	expect(verifySignature({ body, header, secret: '', scheme: 'plain' })).toBe(false);
	expect(verifySignature({ body, header: null, secret, scheme: 'plain' })).toBe(false);
	expect(verifySignature({ body, header: 'sha256=', secret, scheme: 'plain' })).toBe(false);
	expect(verifySignature({ body, header: `${header}00`, secret, scheme: 'plain' })).toBe(false);
});

test('of several signatures one is enough, as while a secret is replaced', () => {
	const { body, headers } = posted({});
	const [time, signature] = headers['X-Signature'].split(',');
	const options = { body, secret: SECRET, now: NOW };

	expect(verifySignature({ ...options, header: `${time},v1=${'0'.repeat(64)},${signature}` })).toBe(
		true
	);
	expect(verifySignature({ ...options, header: `${time},v0=${signature!.slice(3)}` })).toBe(false);
	expect(verifySignature({ ...options, header: `${signature}` })).toBe(false);
	expect(verifySignature({ ...options, header: `t=1e9,${signature}` })).toBe(false);
});
