import { live, LiveError } from 'svelte-realtime';
import { NewTodo, Removal, Rename, Tick } from '$lib/server/schemas';
import { tasks } from '$lib/server/store';

const GONE = 'Somebody has removed this to-do.';
const FULL = 'The list is full. Clear what is done first.';

export const add = live(NewTodo, async (ctx, { text }) => {
	const todo = await tasks.add(text);
	if (!todo) throw new LiveError('CONFLICT', FULL);
	await ctx.publish('todos', 'created', todo);
	return todo;
});

/** Ticks a to-do off, or opens it again. */
export const toggle = live(Tick, (ctx, { id, done }) =>
	// What is told last is what is stored, whichever instance it happens on.
	ctx.lock(`todo:${id}`, async () => {
		const changed = await tasks.change(id, { done });
		if (!changed) throw new LiveError('NOT_FOUND', GONE);
		await ctx.publish('todos', 'updated', changed.after);
	})
);

export const rename = live(Rename, (ctx, { id, text }) =>
	ctx.lock(`todo:${id}`, async () => {
		const changed = await tasks.change(id, { text });
		if (!changed) throw new LiveError('NOT_FOUND', GONE);
		await ctx.publish('todos', 'updated', changed.after);
	})
);

/** Removes a to-do; one that is already gone is no error. */
export const remove = live(Removal, (ctx, { id }) =>
	ctx.lock(`todo:${id}`, async () => {
		if (await tasks.remove(id)) await ctx.publish('todos', 'deleted', { id });
	})
);

/** Removes all that is done, and says how many there were. */
export const clear = live(async (ctx) => {
	const done = (await tasks.list()).filter((todo) => todo.done);
	for (const { id } of done) {
		await tasks.remove(id);
		await ctx.publish('todos', 'deleted', { id });
	}
	return done.length;
});

export const list = live.stream('todos', () => tasks.list(), { merge: 'crud' });
