import { live, LiveError } from 'svelte-realtime';
import { NewTodo, Removal, Rename, Tick } from '$lib/server/schemas';
import { tasks } from '$lib/server/store';

const GONE = 'Somebody has removed this to-do.';
const FULL = 'The list is full. Clear what is done first.';

export const add = live(NewTodo, (ctx, { text }) => {
	const todo = tasks.add(text);
	if (!todo) throw new LiveError('CONFLICT', FULL);
	ctx.publish('todos', 'created', todo);
	return todo;
});

/** Ticks a to-do off, or opens it again. */
export const toggle = live(Tick, (ctx, { id, done }) => {
	const todo = tasks.change(id, { done });
	if (!todo) throw new LiveError('NOT_FOUND', GONE);
	ctx.publish('todos', 'updated', todo);
});

export const rename = live(Rename, (ctx, { id, text }) => {
	const todo = tasks.change(id, { text });
	if (!todo) throw new LiveError('NOT_FOUND', GONE);
	ctx.publish('todos', 'updated', todo);
});

/** Removes a to-do; one that is already gone is no error. */
export const remove = live(Removal, (ctx, { id }) => {
	if (tasks.remove(id)) ctx.publish('todos', 'deleted', { id });
});

/** Removes all that is done, and says how many there were. */
export const clear = live((ctx) => {
	const done = tasks.list().filter((todo) => todo.done);
	for (const { id } of done) {
		tasks.remove(id);
		ctx.publish('todos', 'deleted', { id });
	}
	return done.length;
});

export const list = live.stream('todos', () => tasks.list(), { merge: 'crud' });
