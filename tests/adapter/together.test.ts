import { expect, test } from 'vitest';
import { readEnvironment } from '../../adapter/runtime/env.ts';
import type { Incoming, Reply } from '../../adapter/runtime/front.ts';
import { createSite } from '../../adapter/runtime/site.ts';
import { beginTogether } from '../../adapter/runtime/together.ts';

/** Settles when the work of this turn of the event loop has been done. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what is asked for in one turn begins together, and what each awaits alternates', async () => {
	const begin = beginTogether();
	const done: string[] = [];
	for (const name of ['a', 'b']) {
		begin(() => {
			done.push(`${name}1`);
			void Promise.resolve().then(() => done.push(`${name}2`));
		});
	}
	expect(done, 'while the requests are still read').toEqual([]);
	await turn();
	expect(done).toEqual(['a1', 'b1', 'a2', 'b2']);
});

test('of many only some begin in a turn, in the order in which they came', async () => {
	const begin = beginTogether();
	const begun: number[] = [];
	const atTurn: number[] = [];
	for (let index = 0; index < 40; index++) begin(() => begun.push(index));
	while (begun.length < 40) {
		await turn();
		atTurn.push(begun.length);
	}
	expect(atTurn).toEqual([16, 32, 40]);
	expect(begun).toEqual(Array.from({ length: 40 }, (_, index) => index));
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
