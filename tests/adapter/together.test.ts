import { expect, test } from 'vitest';
import { readEnvironment } from '../../adapter/runtime/env.ts';
import type { Incoming, Reply } from '../../adapter/runtime/front.ts';
import { createSite } from '../../adapter/runtime/site.ts';
import { beginTogether } from '../../adapter/together.ts';

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

test('as soon as there are so many they begin, in the order in which they came', async () => {
	const { add, flush } = beginTogether(3);
	const begun: number[] = [];
	const after: number[] = [];
	for (let index = 0; index < 8; index++) {
		add(() => begun.push(index));
		after.push(begun.length);
	}
	expect(after).toEqual([0, 0, 3, 3, 3, 6, 6, 6]);
	flush();
	expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
	add(() => begun.push(8));
	await turn();
	expect(begun).toHaveLength(9);
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
