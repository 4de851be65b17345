import { createHistory, type History, type StreamStore } from 'svelte-realtime/client';
import { live, LiveError } from 'svelte-realtime';
import { expect, test } from 'vitest';
import { settle } from '../../kernel/testing/clock.ts';
import { network } from './network.ts';

interface Todo {
	readonly id: number;
	readonly text: string;
}

/** A list on a server, a client that changes it, and what it does without the client's doing. */
async function board(limit?: number) {
	let todos: Todo[] = [];
	let ids = 0;
	const calls: string[] = [];
	let failing: string | undefined;
	const begin = (name: string): void => {
		calls.push(name);
		if (failing === name) throw new LiveError('FORBIDDEN');
	};
	const app = {
		todos: live.stream('todos', () => todos),
		add: live((ctx, text: string) => {
			begin(`add ${text}`);
			const todo = { id: (ids += 1), text };
			todos = [...todos, todo];
			void ctx.publish('todos', 'created', todo);
			return todo;
		}),
		remove: live((ctx, id: number) => {
			begin(`remove ${id}`);
			todos = todos.filter((todo) => todo.id !== id);
			void ctx.publish('todos', 'deleted', { id });
		})
	};
	const net = await network({ app });
	const client = net.client();
	const add = client.call<(text: string) => Promise<Todo>>('app/add');
	const remove = client.call<(id: number) => Promise<void>>('app/remove');
	const history = createHistory(limit === undefined ? {} : { limit });
	const stream = client.stream<StreamStore<Todo[]>>('app/todos');
	stream.subscribe(() => {});
	const other = net.client().call<(text: string) => Promise<Todo>>('app/add');
	await settle();
	return {
		history,
		calls,
		other,
		run: (text: string) => history.run(add, [text], (todo) => remove(todo.id)),
		fail: (name: string | undefined) => (failing = name),
		async shown() {
			await settle();
			return stream.current!.map(({ text }) => text);
		}
	};
}

const can = ({ canUndo, canRedo }: History): [boolean, boolean] => [canUndo, canRedo];

test('undo takes one’s own latest operation back, and redo makes it again', async () => {
	const { history, run, shown, calls } = await board();
	expect(can(history)).toEqual([false, false]);
	expect(await run('a')).toEqual({ id: 1, text: 'a' });
	await run('b');

	expect(await history.undo()).toBe(true);
	expect(await shown()).toEqual(['a']);
	expect(can(history)).toEqual([true, true]);
	expect(await history.redo()).toBe(true);
	expect(await shown()).toEqual(['a', 'b']);
	// What was made again has another id: that is the one to take back.
	expect(await history.undo()).toBe(true);
	expect(await history.undo()).toBe(true);
	expect(await history.undo()).toBe(false);
	expect(calls.slice(2)).toEqual(['remove 2', 'add b', 'remove 3', 'remove 1']);
});

test('what others have done is never undone', async () => {
	const { history, run, other, shown } = await board();
	await run('mine');
	await other('theirs');

	await history.undo();
	expect(await history.undo()).toBe(false);
	expect(await shown()).toEqual(['theirs']);
});

test('a new operation leaves nothing to redo; one that fails changes nothing', async () => {
	const { history, run, fail } = await board();
	await run('a');
	await history.undo();
	fail('add b');
	await expect(run('b')).rejects.toMatchObject({ code: 'FORBIDDEN' });
	expect(can(history)).toEqual([false, true]);
	await run('c');
	expect(can(history)).toEqual([true, false]);
	expect(await history.redo()).toBe(false);
});

test('an undo that fails says so, and can be tried again; so can a redo', async () => {
	const { history, run, fail, shown } = await board();
	await run('a');
	fail('remove 1');
	await expect(history.undo()).rejects.toMatchObject({ code: 'FORBIDDEN' });
	expect(can(history)).toEqual([true, false]);
	fail(undefined);
	await history.undo();
	fail('add a');
	await expect(history.redo()).rejects.toMatchObject({ code: 'FORBIDDEN' });
	expect(can(history)).toEqual([false, true]);
	fail(undefined);
	await history.redo();

	expect(await shown()).toEqual(['a']);
	expect(can(history)).toEqual([true, false]);
});

test('undo at once after an operation waits for it, and two at once undo two', async () => {
	const { history, run, calls } = await board();
	void run('a');
	void run('b');
	await Promise.all([history.undo(), history.undo()]);

	expect(calls).toEqual(['add a', 'add b', 'remove 2', 'remove 1']);
	expect(can(history)).toEqual([false, true]);
});

test('an operation that fails while undo waits for it lets undo take the one before', async () => {
	const { history, run, calls, fail } = await board();
	await run('a');
	fail('add b');
	const failing = run('b').catch(() => 'failed');
	expect(await history.undo()).toBe(true);

	expect(await failing).toBe('failed');
	expect(calls).toEqual(['add a', 'add b', 'remove 1']);
});

test('what is done while an undo is on its way leaves nothing to redo', async () => {
	const { history, run } = await board();
	await run('a');
	const undoing = history.undo();
	await run('b');
	await undoing;

	expect(can(history)).toEqual([true, false]);
});

test('the oldest are forgotten beyond the limit, and all with clear()', async () => {
	const { history, run, calls } = await board(2);
	for (const text of ['a', 'b', 'c']) await run(text);
	await history.undo();
	await history.undo();
	expect(await history.undo()).toBe(false);
	expect(calls.slice(3)).toEqual(['remove 3', 'remove 2']);
	history.clear();

	expect(can(history)).toEqual([false, false]);
});

test('subscribers hear what can be done', async () => {
	const { history, run } = await board();
	const seen: string[] = [];
	const leave = history.subscribe((now) => {
		const text = can(now).join();
		if (seen.at(-1) !== text) seen.push(text);
	});
	await run('a');
	await history.undo();
	leave();
	await history.redo();

	expect(seen).toEqual(['false,false', 'true,false', 'false,false', 'false,true']);
});
