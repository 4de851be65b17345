import { live } from 'svelte-realtime';
import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import { instances } from 'svelte-realtime/plugins/instances';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { createTestKernel, settle } from 'svelte-realtime/testing';
import { expect, test } from 'vitest';
import { openBook, wordOf, type Ended } from '../../plugins/rpc/last-word.ts';
import { mail } from '../client/mail.ts';

const SESSION = 'a-session-of-16-or-more';
const WINDOW = 5 * 60_000;

/** So many instances, and what has run on each. */
async function several(count: number, more: () => readonly Plugin[] = () => []) {
	const post = mail();
	const log: string[] = [];
	const waiting: (() => void)[] = [];
	const start = async (_: unknown, index: number) => {
		const plugins = [post.plugin(), instances(), ...more(), rpc()] as readonly Plugin<any, 'rpc'>[];
		const kernel = await createTestKernel(plugins);
		kernel.use('rpc').mount({
			app: {
				_public: true,
				now: live((_ctx, text: string) => {
					log.push(`${index} ${text}`);
					return `${text} on ${index}`;
				}),
				later: live(async (_ctx, text: string) => {
					log.push(`${index} ${text}`);
					await new Promise<void>((done) => waiting.push(done));
				})
			}
		});
		/** The client comes to this instance. @param again Where it made these calls first. */
		const arrive = async (again: string | undefined, ...calls: readonly (readonly object[])[]) => {
			const client = await kernel.connect();
			await client.send(
				{ type: 'rpc:session', session: SESSION },
				...calls.flat().map((call) => ({ ...call, again }))
			);
			await settle();
			return client;
		};
		return { kernel, arrive };
	};
	const all = [];
	for (let index = 0; index < count; index += 1) all.push(await start(undefined, index));
	const finish = (): void => {
		for (const done of waiting.splice(0)) done();
	};
	return { all: all as [Instance, Instance, Instance, Instance], log, post, finish };

	type Instance = Awaited<ReturnType<typeof start>>;
}

const call = (id: number, text: string, name = 'now'): object => ({
	type: 'rpc',
	id,
	path: `app/${name}`,
	args: [text]
});
const unknown = (id: number): object =>
	expect.objectContaining({ id, error: expect.objectContaining({ code: 'UNKNOWN_OUTCOME' }) });

test('what an instance has run is told after its end, and what it never got runs, once', async () => {
	const { all, log } = await several(3);
	const [first, second, third] = all;
	const client = await first.arrive(undefined, [call(1, 'a')]);
	await first.kernel.shutdown();
	const via = client.connection.id;

	const back = await second.arrive(via, [call(1, 'a'), call(2, 'b')]);
	const again = await third.arrive(via, [call(1, 'a'), call(2, 'b')]);

	const answers = [
		{ id: 1, data: 'a on 0' },
		{ id: 2, data: 'b on 1' }
	];
	expect(back.received).toMatchObject(answers);
	expect(again.received).toMatchObject(answers);
	expect(log).toEqual(['0 a', '1 b']);
});

test('it is known for as long as one of those lives who were told, whoever ends before it', async () => {
	const { all, log } = await several(4);
	const [first, second, third, last] = all;
	const client = await first.arrive(undefined, [call(1, 'a')]);
	const via = client.connection.id;
	await first.kernel.shutdown();
	// A client that comes and goes once more, between two ends.
	await third.arrive(via, [call(2, 'b')]);
	await second.kernel.shutdown();
	await third.kernel.shutdown();

	const back = await last.arrive(via, [call(1, 'a'), call(2, 'b'), call(3, 'c')]);

	expect([...back.received].sort((one, other) => Number(one.id) - Number(other.id))).toMatchObject([
		{ id: 1, data: 'a on 0' },
		{ id: 2, data: 'b on 2' },
		{ id: 3, data: 'c on 3' }
	]);
	expect(log).toEqual(['0 a', '2 b', '3 c']);
});

test('what another one had taken over before the end is not run a second time after it', async () => {
	const { all, log } = await several(4);
	const [first, second, third] = all;
	const client = await first.arrive(undefined, [call(1, 'a')]);
	const via = client.connection.id;
	await second.arrive(via, [call(2, 'b')]);
	await first.kernel.shutdown();

	const back = await third.arrive(via, [call(2, 'b')]);

	expect(back.received).toMatchObject([{ id: 2, data: 'b on 1' }]);
	expect(log).toEqual(['0 a', '1 b']);
});

test('who asks while it is handed over is answered by one of both alone', async () => {
	const { all, log, post } = await several(3);
	const [first, second, third] = all;
	const client = await first.arrive(undefined, [call(1, 'a')]);
	const via = client.connection.id;
	let begin!: () => void;
	post.held = new Promise((resolve) => (begin = resolve));
	const ended = first.kernel.shutdown();
	await settle();

	const back = await second.arrive(via, [call(2, 'b')]);
	begin();
	await ended;
	await second.kernel.clock.advance(250);
	const again = await third.arrive(via, [call(2, 'b')]);

	expect([back.received, again.received]).toMatchObject([
		[{ data: 'b on 1' }],
		[{ data: 'b on 1' }]
	]);
	expect(log).toEqual(['0 a', '1 b']);
});

test('of a call that still ran at the end nobody knows what it has come to', async () => {
	const { all, log, finish } = await several(2);
	const [first, second] = all;
	const client = await first.arrive(undefined, [call(1, 'a', 'later')]);
	await first.kernel.shutdown();

	const back = await second.arrive(client.connection.id, [call(1, 'a', 'later')]);

	expect(back.received).toEqual([unknown(1)]);
	expect(log).toEqual(['0 a']);
	finish();
});

test('an instance that is killed leaves nothing', async () => {
	const { all, log, post } = await several(2);
	const [first, second] = all;
	const client = await first.arrive(undefined, [call(1, 'a')]);
	post.forget(first.kernel.instanceId);

	const back = await second.arrive(client.connection.id, [call(1, 'a'), call(2, 'b')]);

	expect(back.received).toEqual([unknown(1), unknown(2)]);
	expect(log).toEqual(['0 a']);
});

test('when the window is over it is forgotten', async () => {
	const { all, log } = await several(3);
	const [first, second, third] = all;
	const client = await first.arrive(undefined, [call(1, 'a')]);
	await first.kernel.shutdown();
	for (const { kernel } of [second, third]) await kernel.clock.advance(WINDOW);

	const back = await second.arrive(client.connection.id, [call(1, 'a'), call(2, 'b')]);

	expect(back.received).toEqual([unknown(1), unknown(2)]);
	expect(log).toEqual(['0 a']);
});

test('a frame that was held up until after the end runs where its client has come to, and nowhere else', async () => {
	let isHeld = false;
	const held: (() => void)[] = [];
	const slow = definePlugin({
		name: 'slow',
		setup(kernel) {
			const hold = async (): Promise<undefined> => {
				if (isHeld) await new Promise<void>((resolve) => held.push(resolve));
			};
			kernel.hook('message', hold, { type: 'rpc' });
		}
	}) as Plugin;
	const { all, log } = await several(2, () => [slow]);
	const [first, second] = all;
	isHeld = true;
	const client = await first.arrive(undefined, [call(1, 'a')]);
	expect(held).toHaveLength(1);
	isHeld = false;
	await first.kernel.shutdown();

	const back = await second.arrive(client.connection.id, [call(1, 'a')]);
	held[0]!();
	await settle();

	expect(back.received).toMatchObject([{ id: 1, data: 'a on 1' }]);
	expect(log).toEqual(['1 a']);
});

test('a plugin that is replaced leaves nothing, as its instance goes on', async () => {
	const { all, log } = await several(2);
	const [first, second] = all;
	const client = await first.arrive(undefined, [call(1, 'a')]);
	const plugins = first.kernel.plugins.map((plugin) => (plugin.name === 'rpc' ? rpc() : plugin));
	await first.kernel.change(plugins as readonly Plugin[]);

	const back = await second.arrive(client.connection.id, [call(2, 'b')]);

	expect(back.received).toEqual([unknown(2)]);
	expect(log).toEqual(['0 a']);
});

// --- what there is no room for ---

const NAMES = ['one', 'two', 'three'] as const;
const FACTS = { instance: 'i', connections: 3, forgotten: 0, handed: [], rest: 1 };

/** Three sessions on connections of their own, each with two calls and their replies. */
const sessions = (): Ended[] =>
	NAMES.map((name, index) => ({
		word: ['me', name, 0, 2],
		connection: index + 1,
		reply: (before) => (before < 2 ? [2 - before, `${name} ${2 - before}`.padEnd(40)] : undefined)
	}));

/** What is said of the calls 1 to 3 of each. */
function said(size: number, handed: readonly never[] = []) {
	const word = wordOf({ ...FACTS, handed }, sessions(), size);
	if (word === undefined) return undefined;
	const book = openBook(JSON.parse(JSON.stringify(word)) as typeof word, () => 0);
	return NAMES.map((name, index) =>
		[1, 2, 3].map((id) => {
			const question = { key: `me ${name}`, name, id, via: `i-${index + 1}`, ask: `${name}${id}` };
			return book.tell(question, 'other').state;
		})
	);
}

test('there is room for the latest reply of everybody first, then for those before it', () => {
	const all = ['done', 'done', 'never'];
	const one = ['unknown', 'done', 'never'];
	const none = ['unknown', 'unknown', 'never'];

	expect(said(1000)).toEqual([all, all, all]);
	expect(said(350)).toEqual([all, one, one]);
	expect(said(300)).toEqual([one, one, one]);
	expect(said(150)).toEqual([none, none, none]);
});

test('of clients that there is no room for nothing is said, nor of who came before them', () => {
	const none = ['unknown', 'unknown', 'never'];
	const nothing = ['unknown', 'unknown', 'unknown'];

	expect(said(80)).toEqual([none, none, nothing]);
	expect(said(2)).toEqual([nothing, nothing, nothing]);
});

test('without room for what others have taken over nothing is left', () => {
	expect(said(1)).toBe(undefined);
});
