import { definePlugin, deny, type Denial, type UpgradeContext } from 'svelte-realtime/kernel';
import type { UpgradeAnswer } from 'svelte-realtime/kernel';
import { admission, type AdmissionOptions } from 'svelte-realtime/plugins/admission';
import { settle } from 'svelte-realtime/testing';
import { describe, expect, test } from 'vitest';
import { networkOf } from '../../plugins/admission/visitor.ts';
import { startKernel } from '../kernel/tracked.ts';

type Gate = (ctx: UpgradeContext) => void | Denial | Promise<void | Denial>;

/** A server whose own gate lets in whoever has the cookie `in`, or does what a test says. */
async function serving(options: AdmissionOptions = {}, gate: Gate = byCookie) {
	const asked: UpgradeContext[] = [];
	const limited: string[] = [];
	const app = definePlugin({
		name: 'app',
		setup(kernel) {
			kernel.hook('limited', ({ limit }) => void limited.push(limit));
			kernel.hook('upgrade', (ctx) => {
				asked.push(ctx);
				return gate(ctx);
			});
		}
	});
	const kernel = await startKernel([app, admission(options)]);
	const upgrade = (
		cookie: string = '',
		ip: string = '1.1.1.1',
		more: Record<string, string> = {}
	): Promise<UpgradeAnswer> =>
		Promise.resolve(
			kernel.upgrade({ url: '/ws', headers: { cookie, ...more }, ip, origin: undefined })
		);
	/** An upgrade, and the connection that comes of it. */
	const open = async (cookie: string = 'in', ip?: string) => {
		const answer = await upgrade(cookie, ip);
		if (!answer.ok) throw new Error(answer.code);
		const socket = kernel.transport.socket();
		const connection = kernel.open(socket, answer.data);
		socket.onClose = (code, reason) => kernel.close(connection, code, reason);
		return { connection, leave: () => socket.end(1001, '') };
	};
	return { kernel, asked, limited, upgrade, open };
}

function byCookie({ request }: UpgradeContext): void | Denial {
	if (!request.headers['cookie']?.startsWith('in')) return deny('UNAUTHENTICATED');
}

const codeOf = (answer: UpgradeAnswer): string => (answer.ok ? 'ok' : answer.code);

describe('upgrades that come to nothing', () => {
	test('a page that asks before it connects opens nothing, and is not taken for one that has left', async () => {
		const { kernel, upgrade } = await serving();
		const request = { url: '/ws', headers: { cookie: 'in' }, ip: '1.1.1.1', origin: undefined };
		for (let i = 0; i < 20; i += 1)
			expect(await kernel.preflight(request)).toMatchObject({ ok: true });

		await kernel.clock.advance(1000);

		expect(codeOf(await upgrade('in'))).toBe('ok');
	});

	test('past 10 in 10 s the gates are not asked any more, and the answer says for how long', async () => {
		const { asked, limited, upgrade } = await serving();
		for (let i = 0; i < 10; i += 1) expect(codeOf(await upgrade('bad'))).toBe('UNAUTHENTICATED');

		const answer = await upgrade('bad');

		expect(answer).toEqual({
			ok: false,
			status: 429,
			code: 'RATE_LIMITED',
			reason: 'Too many attempts to connect have failed.',
			retryAfter: 1000
		});
		expect(asked).toHaveLength(10);
		expect(limited).toEqual(['admission.failures']);
	});

	test('come back one a second, and being told to wait costs nothing', async () => {
		const { kernel, upgrade } = await serving();
		for (let i = 0; i < 30; i += 1) await upgrade('bad');

		await kernel.clock.advance(999);
		expect(codeOf(await upgrade('bad'))).toBe('RATE_LIMITED');
		await kernel.clock.advance(1);
		expect(codeOf(await upgrade('bad'))).toBe('UNAUTHENTICATED');
		expect(codeOf(await upgrade('bad'))).toBe('RATE_LIMITED');
	});

	test('of one visitor do not lock out others of the same address', async () => {
		const { upgrade } = await serving();
		for (let i = 0; i < 50; i += 1) await upgrade('expired');

		expect(codeOf(await upgrade('expired'))).toBe('RATE_LIMITED');
		expect(codeOf(await upgrade('in'))).toBe('ok');
		expect(codeOf(await upgrade('other'))).toBe('UNAUTHENTICATED');
		const token = { 'sec-websocket-protocol': 'svelte-realtime, svelte-realtime.auth.x' };
		expect(codeOf(await upgrade('expired', '1.1.1.1', token))).toBe('UNAUTHENTICATED');
	});

	test('of one address, each with another cookie, are 100 in 10 s', async () => {
		const { asked, upgrade } = await serving();
		for (let i = 0; i < 300; i += 1) await upgrade(`guess ${i}`);

		expect(asked).toHaveLength(100);
		expect(await upgrade('in')).toMatchObject({ code: 'RATE_LIMITED', retryAfter: 100 });
		expect(codeOf(await upgrade('in', '2.2.2.2'))).toBe('ok');
	});

	test('of one network of IPv6 are counted together', async () => {
		const { asked, upgrade } = await serving();
		for (let i = 0; i < 300; i += 1) await upgrade(`guess ${i}`, `2001:db8::${i.toString(16)}`);

		expect(asked).toHaveLength(100);
		expect(codeOf(await upgrade('in', '2001:db8:0:1::1'))).toBe('ok');
	});

	test('include those that are let in and gone before they open', async () => {
		const { kernel, upgrade } = await serving();
		for (let i = 0; i < 10; i += 1) expect(codeOf(await upgrade('in'))).toBe('ok');
		await kernel.clock.advance(1000);

		expect(codeOf(await upgrade('in'))).toBe('RATE_LIMITED');
	});

	test('include questions that are refused, and none that are not', async () => {
		const { kernel, upgrade } = await serving();
		const ask = { 'x-realtime-ask': '1' };
		for (let i = 0; i < 50; i += 1) expect(codeOf(await upgrade('in', '1.1.1.1', ask))).toBe('ok');
		await kernel.clock.advance(1000);
		expect(codeOf(await upgrade('in'))).toBe('ok');

		for (let i = 0; i < 10; i += 1) await upgrade('bad', '1.1.1.1', ask);
		expect(codeOf(await upgrade('bad', '1.1.1.1', ask))).toBe('RATE_LIMITED');
	});

	test('include connections that end within a second, by address', async () => {
		const { kernel, asked, open, upgrade } = await serving();
		for (let i = 0; i < 100; i += 1) (await open()).leave();

		expect(codeOf(await upgrade('in'))).toBe('RATE_LIMITED');
		expect(asked).toHaveLength(100);
		await kernel.clock.advance(10_000);
		const stayed = await Promise.all(Array.from({ length: 200 }, () => open()));
		await kernel.clock.advance(1000);
		for (const { leave } of stayed) leave();
		expect(codeOf(await upgrade('in'))).toBe('ok');
	});

	test.each(['INTERNAL_ERROR', 'SERVICE_UNAVAILABLE', 'TIMED_OUT_GUARD'])(
		'do not include faults of the server (%s)',
		async (code) => {
			const { asked, upgrade } = await serving({}, () => deny(code));
			for (let i = 0; i < 500; i += 1) await upgrade('in');

			expect(asked).toHaveLength(500);
		}
	);

	test('are counted for a bounded number of addresses', async () => {
		const { asked, upgrade } = await serving();
		for (let i = 0; i < 12_000; i += 1) await upgrade('bad', `10.${i >> 8}.0.${i & 255}`);

		expect(asked).toHaveLength(12_000);
		expect(codeOf(await upgrade('in', '9.9.9.9'))).toBe('ok');
	});
});

test('a thousand who return at once from one address, and stay, are all let in', async () => {
	const { kernel, limited, open } = await serving();

	const back = await Promise.all(Array.from({ length: 1000 }, (_, i) => open(`in ${i}`)));
	await kernel.clock.advance(1500);
	const again = await Promise.all(Array.from({ length: 1000 }, (_, i) => open(`in ${i}`)));

	expect(new Set([...back, ...again].map(({ connection }) => connection.id)).size).toBe(2000);
	expect(limited).toEqual([]);
});

test('a page that is rendered is not counted', async () => {
	const { kernel, asked, upgrade } = await serving();
	const request = { url: '/', headers: {}, ip: '1.1.1.1', origin: undefined };
	for (let i = 0; i < 200; i += 1) await kernel.identify(request);

	expect(asked).toHaveLength(200);
	expect(codeOf(await upgrade(''))).toBe('UNAUTHENTICATED');
});

test('past its connections the server is full, and has room again when one has left', async () => {
	const { limited, open, upgrade } = await serving({ connections: 2 });
	const first = await open();
	await open('in', '2.2.2.2');

	expect(await upgrade('in', '3.3.3.3')).toEqual({
		ok: false,
		status: 503,
		code: 'SERVICE_UNAVAILABLE',
		reason: 'The server is full.',
		retryAfter: 5000
	});
	expect(limited).toEqual(['admission.connections']);
	first.leave();
	expect(codeOf(await upgrade('in', '3.3.3.3'))).toBe('ok');
});

describe('a burst', () => {
	/** Gates that answer when a test says. */
	function slow() {
		const running: ((denial?: Denial) => void)[] = [];
		const gate: Gate = () => new Promise((resolve) => running.push((denial) => resolve(denial)));
		return { running, gate };
	}

	test('waits in line, in order, while as many gates run as may', async () => {
		const { running, gate } = slow();
		const { asked, upgrade } = await serving({ concurrency: 2 }, gate);
		const answers: string[] = [];
		for (let i = 0; i < 5; i += 1) {
			void upgrade('in', `1.1.1.${i}`).then((answer) => answers.push(`${i} ${codeOf(answer)}`));
		}
		await settle();
		expect(asked).toHaveLength(2);

		running[1]!();
		await settle();
		expect(asked.map(({ request }) => request.ip)).toEqual(['1.1.1.0', '1.1.1.1', '1.1.1.2']);
		for (let i = 0; i < 5; i += 1) {
			running[i]?.();
			await settle();
		}
		expect(answers).toEqual(['1 ok', '0 ok', '2 ok', '3 ok', '4 ok']);
	});

	test('is judged again when its turn comes, so that a flood is not let through for having been early', async () => {
		const { running, gate } = slow();
		const { asked, upgrade } = await serving({ concurrency: 10 }, gate);
		const answers = Promise.all(Array.from({ length: 1000 }, () => upgrade('bad')));
		await settle();
		for (let i = 0; i < running.length; i += 1) {
			running[i]!(deny('UNAUTHENTICATED'));
			await settle();
		}

		const codes = (await answers).map(codeOf);

		expect(asked.length).toBeLessThanOrEqual(20);
		expect(codes.filter((code) => code === 'RATE_LIMITED').length).toBeGreaterThanOrEqual(980);
	});

	test('past its line is told to come back', async () => {
		const { running, gate } = slow();
		const { kernel, limited, upgrade } = await serving({ concurrency: 1, waiting: 1 }, gate);
		const first = upgrade('in', '1.1.1.1');
		const second = upgrade('in', '2.2.2.2');

		expect(await upgrade('in', '3.3.3.3')).toMatchObject({ status: 503, retryAfter: 1000 });
		expect(limited).toEqual(['admission.waiting']);

		await kernel.clock.advance(10_000);
		expect(codeOf(await first)).toBe('TIMED_OUT_GUARD');
		expect(codeOf(await second)).toBe('TIMED_OUT_GUARD');
		expect(running).toHaveLength(2);
		const third = upgrade('in', '3.3.3.3');
		await settle();
		running[2]!();
		expect(codeOf(await third)).toBe('ok');
	});
});

test.each([
	['1.2.3.4', '1.2.3.4'],
	['::ffff:1.2.3.4', '1.2.3.4'],
	['0000:0000:0000:0000:0000:ffff:1.2.3.4', '1.2.3.4'],
	['::1', '0:0:0:0::/64'],
	['2001:db8::1', '2001:db8:0:0::/64'],
	['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8:0:0::/64'],
	['2001:DB8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
	['fe80::1:2:3:4', 'fe80:0:0:0::/64'],
	['', '']
])('the network of %j is %j', (ip, network) => {
	expect(networkOf(ip)).toBe(network);
});

test('an option that is no whole number from 1 is refused with what it is', () => {
	for (const [name, value] of Object.entries({ visitor: 0, connections: 1.5, window: Infinity })) {
		expect(() => admission({ [name]: value })).toThrow(`"${name}" of admission() is ${value}`);
	}
});
