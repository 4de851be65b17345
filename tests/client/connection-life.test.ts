import { expect, test } from 'vitest';
import { VirtualClock } from '../../kernel/testing/clock.ts';
import { bench, settle, type Bench, type FakeSocket } from './fake-server.ts';

/** A page whose events a test makes by hand. */
class Page extends EventTarget {
	hidden: boolean = false;
	happen(type: string): void {
		this.dispatchEvent(new Event(type));
	}
}

/** A clock that can be put ahead, as a device's that slept: its timers know nothing of it. */
class SleepyClock extends VirtualClock {
	#slept: number = 0;
	override now(): number {
		return super.now() + this.#slept;
	}
	sleep(ms: number): void {
		this.#slept += ms;
	}
}

type Life = Bench & { page: Page; clock: SleepyClock; first: FakeSocket };

/** A client with an open connection, on a page. */
async function life(): Promise<Life> {
	const page = new Page();
	const clock = new SleepyClock();
	const made = bench({ events: page, clock });
	made.client.connection.reconnect();
	const first = await made.open();
	return Object.assign(made, { page, clock, first });
}

// --- heartbeat ---

test('a quiet connection that answers is never given up', async () => {
	const { clock, sockets, first } = await life();
	await clock.advance(24 * 3_600_000);

	expect(sockets).toHaveLength(1);
	expect(first.pings).toBeGreaterThan(1000);
});

test('a dead connection is noticed within 25 seconds of its last message', async () => {
	for (const offset of [0, 1, 2500, 4999]) {
		const { client, clock, first } = await life();
		await clock.advance(60_000 + offset);
		first.isAlive = false;
		first.deliver({ type: 'event', topic: 't', event: 'e' });
		await clock.advance(14_000);
		expect(client.connection.connected).toBe(true);
		await clock.advance(11_000);
		expect([offset, client.connection.status]).toEqual([offset, 'reconnecting']);
		expect(client.connection.closed).toEqual({ code: 1006, reason: '' });
	}
});

test('whatever comes in counts, and a busy connection is never asked', async () => {
	const { clock, sockets, first } = await life();
	first.isAlive = false;
	for (let i = 0; i < 100; i += 1) {
		await clock.advance(10_000);
		first.deliver({ type: 'event', topic: 't', event: 'e' });
	}
	expect([sockets.length, first.pings]).toEqual([1, 0]);

	// Even while an answer is outstanding.
	await clock.advance(20_000);
	expect(first.pings).toBe(1);
	first.deliver({ type: 'event', topic: 't', event: 'e' });
	await clock.advance(10_000);
	expect(sockets).toHaveLength(1);
});

test('the interval is an option, and 0 is never', async () => {
	for (const [heartbeat, after] of [
		[1000, 'reconnecting'],
		[0, 'open']
	] as const) {
		const { client, clock, open } = bench({ heartbeat });
		client.connection.reconnect();
		(await open()).isAlive = false;
		await clock.advance(1000);
		expect([heartbeat, client.connection.status]).toEqual([heartbeat, after]);
	}
});

test('a device that wakes asks at once, and waits for the answer although its timers are past', async () => {
	for (const isAlive of [true, false]) {
		const { client, clock, first } = await life();
		await clock.advance(60_000);
		first.isAlive = false;
		await clock.advance(18_000);
		const asked = first.pings;
		clock.sleep(3_600_000);
		first.isAlive = isAlive;
		// The next look comes late, with a question outstanding since before the sleep.
		await clock.advance(5000);
		expect(first.pings).toBe(asked + 1);
		expect(client.connection.connected).toBe(true);
		await clock.advance(5000);
		expect([isAlive, client.connection.connected]).toEqual([isAlive, isAlive]);
	}
});

test('timers that are held back in a hidden tab give no healthy connection up, but a dead one', async () => {
	const { client, clock, first } = await life();
	const minute = async (): Promise<void> => {
		clock.sleep(55_000);
		await clock.advance(5000);
	};
	for (let i = 0; i < 60; i += 1) await minute();
	expect(client.connection.connected).toBe(true);
	first.isAlive = false;
	for (let i = 0; i < 4; i += 1) await minute();
	expect(client.connection.connected).toBe(false);
});

// --- what happens to the page ---

test('a page that is looked at again asks at once, and notices the end in five seconds', async () => {
	const { client, clock, page, first } = await life();
	page.hidden = true;
	page.happen('visibilitychange');
	expect(first.pings).toBe(0);
	page.hidden = false;
	page.happen('visibilitychange');
	expect(first.pings).toBe(1);
	await clock.advance(10_000);
	expect(client.connection.connected).toBe(true);

	first.isAlive = false;
	page.happen('visibilitychange');
	await clock.advance(5000);
	expect(client.connection.status).toBe('reconnecting');
});

test('a page that is looked at again does not wait for its next attempt', async () => {
	const { client, clock, page, sockets } = await life();
	for (let i = 0; i < 8; i += 1) {
		sockets.at(-1)!.end();
		if (i < 7) await clock.advance(30_000);
	}
	const before = sockets.length;
	page.hidden = true;
	page.happen('visibilitychange');
	expect(sockets).toHaveLength(before);
	page.hidden = false;
	page.happen('visibilitychange');
	expect(sockets).toHaveLength(before + 1);
	page.happen('visibilitychange');
	expect([sockets.length, client.connection.status]).toEqual([before + 1, 'reconnecting']);
});

test('without a network nothing is tried, and with one again at once', async () => {
	const { client, clock, page, sockets, first, open } = await life();
	const seen: string[] = [];
	client.connection.subscribe((status) => void seen.push(status));
	first.isAlive = false;
	page.happen('offline');
	await clock.advance(5000);
	expect(client.connection.status).toBe('offline');
	await clock.advance(3_600_000);
	expect(sockets).toHaveLength(1);

	page.happen('online');
	expect(sockets).toHaveLength(2);
	await open();
	expect(seen).toEqual(['open', 'offline', 'reconnecting', 'open']);
});

test('a connection that outlives a network change is kept', async () => {
	const { client, clock, page, sockets, first } = await life();
	page.happen('offline');
	page.happen('online');
	await clock.advance(60_000);

	expect([client.connection.status, sockets.length]).toEqual(['open', 1]);
	expect(first.pings).toBeGreaterThanOrEqual(2);
});

test('losing the network ends an attempt, and the wait for the next one', async () => {
	const { client, clock, page, sockets, first } = await life();
	first.end();
	await clock.advance(500);
	expect(sockets).toHaveLength(2);
	page.happen('offline');
	expect([client.connection.status, sockets[1]!.closedWith]).toEqual(['offline', 1000]);
	await clock.advance(60_000);
	page.happen('online');
	sockets[2]!.end();
	page.happen('offline');
	await clock.advance(60_000);
	expect(sockets).toHaveLength(3);

	client.connection.reconnect();
	expect(sockets).toHaveLength(4);
});

test('a page that is put away closes its connection, and comes back with a fresh one', async () => {
	const { client, clock, page, sockets, first, open } = await life();
	page.happen('pagehide');
	expect(first.closedWith).toBe(1000);
	await clock.advance(3_600_000);
	expect(sockets).toHaveLength(1);

	page.happen('pageshow');
	expect(sockets).toHaveLength(2);
	await open();
	expect(client.connection.status).toBe('open');
});

test('a client that is closed leaves the page alone', async () => {
	const { client, page, sockets, first } = await life();
	client.close();
	for (const type of ['offline', 'online', 'pagehide', 'pageshow', 'visibilitychange']) {
		page.happen(type);
	}
	await settle();

	expect([client.connection.status, sockets.length, first.pings]).toEqual(['closed', 1, 0]);
	client.connection.reconnect();
	page.happen('pagehide');
	expect(sockets[1]!.closedWith).toBe(1000);
});
