import { live } from 'svelte-realtime';
import { CLOSE } from 'svelte-realtime/kernel';
import { instances, type InstancesLink } from 'svelte-realtime/plugins/instances';
import { rpc } from 'svelte-realtime/plugins/rpc';
import {
	createTestKernel,
	provided,
	settle,
	VirtualClock,
	type TestConnection
} from 'svelte-realtime/testing';
import { expect, test } from 'vitest';
import { leave } from '../../adapter/runtime/leave.ts';
import { backoff } from '../../kernel/client/backoff.ts';
import { seeded } from '../kernel/random.ts';

/** An instance with so many clients, which knows of these others. */
async function instance(size: number, others: readonly string[]) {
	const link: InstancesLink = {
		beat: () => ({ lease: 'renewed', gone: [] }),
		cleared() {},
		leave() {},
		alive: () => [kernel.instanceId, ...others],
		send: () => false,
		receive() {},
		standIn: () => () => {}
	};
	const clock = new VirtualClock();
	const list = [provided('instances.link', link), instances(), rpc()] as const;
	const kernel = await createTestKernel(list, { clock });
	let finish!: () => void;
	const finished = new Promise<void>((resolve) => (finish = resolve));
	kernel.mount({
		app: { _public: true, slow: live(() => finished), own: live(() => 1) }
	});
	const closed: { at: number; code: number }[] = [];
	const clients: TestConnection[] = [];
	for (let n = 0; n < size; n += 1) {
		const client = await kernel.connect();
		const { onClose } = client.socket;
		client.socket.onClose = (code, reason) => {
			closed.push({ at: clock.now(), code });
			onClose?.(code, reason);
		};
		clients.push(client);
	}
	return { kernel, clock, clients, closed, finish };
}

type Instance = Awaited<ReturnType<typeof instance>>;

async function left(
	{ kernel, clock }: Instance,
	{
		spread,
		siblings = [],
		time = 30_000
	}: { spread?: number; siblings?: readonly string[]; time?: number } = {}
) {
	let at: number | undefined;
	const options = { kernel: kernel as never, clock, spread };
	void leave(options, siblings, 24_000).then(() => (at = clock.now()));
	await settle();
	await clock.advance(time);
	return at;
}

/** How many clients come back in each second. */
function returns(closed: Instance['closed']): number[] {
	const random = seeded(7);
	const seconds: number[] = [];
	for (const { at, code } of closed) {
		const second = Math.floor((at + backoff(1, random(), code)) / 1000);
		seconds[second] = (seconds[second] ?? 0) + 1;
	}
	return seconds;
}

test('1,000 clients of an instance that ends are with the others within 6 s, 200 in each', async () => {
	const one = await instance(1000, ['other']);
	const end = await left(one);
	const seconds = returns(one.closed);

	expect(one.closed).toHaveLength(1000);
	expect(seconds.reduce((sum, count) => sum + count)).toBe(1000);
	expect(Math.max(...seconds)).toBeLessThanOrEqual(230);
	expect(seconds.length).toBeLessThanOrEqual(7);
	// Each of them is without a connection for half a second, and not for two and a half.
	expect(new Set(one.closed.map(({ code }) => code))).toEqual(new Set([CLOSE.ELSEWHERE]));
	expect(end).toBeLessThanOrEqual(5000 + 2600);
});

test('few clients hold nothing up, and many not for longer than ten seconds', async () => {
	const few = await instance(3, ['other']);
	expect(await left(few)).toBeLessThanOrEqual(2600);

	const many = await instance(4000, ['other']);
	const end = await left(many);

	expect(many.closed.at(-1)!.at).toBeGreaterThan(9000);
	expect(end).toBeLessThanOrEqual(10_000 + 2600);
});

test('a time that was set is the time', async () => {
	const one = await instance(100, []);
	await left(one, { spread: 8000 });
	const halves = one.closed.filter(({ at }) => at <= 4000);

	expect(halves.length).toBeGreaterThanOrEqual(48);
	expect(halves.length).toBeLessThanOrEqual(52);
	expect(one.closed.at(-1)!.at).toBeLessThanOrEqual(8040);
});

test('without another instance nobody is sent away before the end', async () => {
	const alone = await instance(5, []);
	expect(await left(alone)).toBe(0);
	expect(alone.closed).toEqual([]);

	const group = await instance(5, ['sibling']);
	expect(await left(group, { siblings: ['sibling'] })).toBe(0);
	expect(group.closed).toEqual([]);
});

test('a client whose call runs has its answer before it goes', async () => {
	const one = await instance(2, ['other']);
	const answer = one.clients[0]!.call('app/slow');
	await left(one, { time: 5000 });
	expect(one.closed).toHaveLength(1);
	expect(await one.clients[0]!.call('app/own')).toBe(1);

	one.finish();
	await answer;
	await one.clock.advance(3000);

	expect(one.closed).toHaveLength(2);
});

test('a call that never ends holds the end up until its deadline, and not longer', async () => {
	const one = await instance(1, ['other']);
	const answer = one.clients[0]!.call('app/slow');
	answer.catch(() => {});
	const end = await left(one, { time: 60_000 });

	expect(end).toBeGreaterThan(20_000);
	expect(end).toBeLessThanOrEqual(24_100);
	expect(one.closed).toEqual([]);
	one.finish();
	await answer;
});
