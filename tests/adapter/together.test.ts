import { expect, test } from 'vitest';
import { readEnvironment } from '../../adapter/runtime/env.ts';
import type { Incoming, Reply } from '../../adapter/runtime/front.ts';
import { createSite } from '../../adapter/runtime/site.ts';
import { beginTogether } from '../../adapter/together.ts';
import { Seat } from '../../adapter/transports/seat.ts';
import type { SendStatus } from '../../kernel/transport.ts';
import { RecordingHost } from '../contracts/transport/recording-host.ts';

/** Settles when the work of this turn of the event loop has been done. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what comes in one turn begins together, and what each awaits alternates', async () => {
	const { add } = beginTogether(16);
	const done: string[] = [];
	for (const name of ['a', 'b']) {
		add(() => {
			done.push(`${name}1`);
			void Promise.resolve().then(() => done.push(`${name}2`));
		});
	}
	expect(done, 'while the others still come').toEqual([]);
	await turn();
	expect(done).toEqual(['a1', 'b1', 'a2', 'b2']);
});

test('none begins while others still come; so many at a time do, in the order in which they came', async () => {
	const { add, flush } = beginTogether(3);
	const told: string[] = [];
	for (let index = 0; index < 7; index++) {
		add(() => {
			told.push(`${index}`);
			void Promise.resolve().then(() => told.push(`${index} goes on`));
		});
	}
	expect(told, 'within the handlers, where answers to others are written piece by piece').toEqual(
		[]
	);
	await turn();
	expect(told).toEqual([
		...['0', '1', '2', '0 goes on', '1 goes on', '2 goes on'],
		...['3', '4', '5', '3 goes on', '4 goes on', '5 goes on'],
		...['6', '6 goes on']
	]);
	told.length = 0;
	for (const name of ['a', 'b', 'c', 'd']) add(() => told.push(name));
	flush();
	expect(told, 'all of them').toEqual(['a', 'b', 'c', 'd']);
	for (const name of ['e', 'f', 'g', 'h', 'i', 'j', 'k']) add(() => told.push(name));
	await turn();
	expect(told.join(''), 'what comes after it too').toBe('abcdefghijk');
	for (const name of ['l', 'm', 'n', 'o']) add(() => told.push(name));
	await turn();
	expect(told.join('')).toBe('abcdefghijklmno');
});

test('who has left before its page began is not rendered for, and not waited for', async () => {
	const rendered: string[] = [];
	const site = createSite({
		server: {
			respond: (request) => {
				rendered.push(new URL(request.url).pathname);
				return Promise.resolve(new Response('page'));
			}
		},
		environment: readEnvironment({})
	});
	const stays = visit('/stays');
	const leaves = visit('/leaves');
	for (const { incoming, reply } of [stays, leaves]) site.handle(incoming, reply);
	leaves.leave();
	await site.idle();
	expect(rendered).toEqual(['/stays']);
	expect(stays.sent).toEqual(['page']);
});

test('messages of several clients go on side by side, those of one after each other', async () => {
	const host = new RecordingHost();
	const told: string[] = [];
	host.onMessage = () => {
		const { connection, payload } = host.messages.all.at(-1)!;
		const name = `${connection.id} ${String(payload)}`;
		told.push(`${name} begins`);
		void Promise.resolve().then(() => told.push(`${name} goes on`));
	};
	const [one, other] = [new Silent(host), new Silent(host)];
	for (const seat of [one, other]) seat.begun({});

	one.received('a', 1);
	other.received('a', 1);
	one.received('b', 1);
	await turn();
	expect(told).toEqual([
		...['c0 a begins', 'c1 a begins'],
		...['c0 a goes on', 'c1 a goes on'],
		...['c0 b begins', 'c0 b goes on']
	]);

	one.received('c', 1);
	one.left(1001, '');
	expect(told).toContain('c0 c begins');
	expect(host.closed.all).toEqual([]);
	await turn();
	expect(host.closed.all).toHaveLength(1);
});

/** A socket of which only what comes in matters. */
class Silent extends Seat {
	override readonly bufferedBytes = 0;
	override send = (): SendStatus => 'sent';
	override subscribe(): void {}
	override unsubscribe(): void {}
	override publish = (): boolean => false;
	override cork(work: () => void): void {
		work();
	}
	override close(): void {}
}

/** A request, and the way back to a client that can leave. */
function visit(path: string): {
	incoming: Incoming;
	reply: Reply;
	sent: string[];
	leave(): void;
} {
	const sent: string[] = [];
	const listeners: (() => void)[] = [];
	let isClosed = false;
	const reply: Reply = {
		get isClosed() {
			return isClosed;
		},
		copies: true,
		onClosed: (listener) => void listeners.push(listener),
		send: (_head, body) => void sent.push(Buffer.from(body ?? '').toString()),
		refuse: () => {},
		begin: () => {},
		write: () => undefined,
		end: () => {},
		abort: () => {}
	};
	const headers = { host: 'localhost' };
	const incoming: Incoming = {
		method: 'GET',
		url: path,
		path,
		headers,
		header: (name) => (name === 'host' ? 'localhost' : undefined),
		isUnclear: false,
		socketAddress: '127.0.0.1',
		body: () => new ReadableStream()
	};
	const leave = (): void => {
		isClosed = true;
		for (const listener of listeners) listener();
	};
	return { incoming, reply, sent, leave };
}
