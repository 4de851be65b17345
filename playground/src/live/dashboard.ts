/** Figures that follow from what happens in the chat, on the list and on the board. */

import { live } from 'svelte-realtime';
import { SAMPLES_KEPT } from '$lib/model';
import { gauge } from '$lib/server/gauge';
import { tasks } from '$lib/server/store';

/** How far the list has come; worked out anew when something happens to it. */
export const progress = live.derived(['todos'], async () => {
	const todos = await tasks.list();
	const done = todos.filter((todo) => todo.done).length;
	return { done, open: todos.length - done };
});

/** What has happened since the server started, each event added to what was there. */
export const activity = live.aggregate<{ total: number; events: Record<string, number> }>(
	['chat', 'todos', 'board'],
	{
		total: { init: 0, reduce: (total) => total + 1 },
		events: {
			init: () => ({}),
			reduce: (events, event) => ({ ...events, [event]: (events[event] ?? 0) + 1 })
		}
	},
	{ debounce: 50 }
);

/** Measures the server every other second. */
export const measure = live.cron('*/2 * * * * *', (ctx) => {
	void ctx.publish('dashboard:samples', 'created', gauge.take());
});

export const samples = live.stream('dashboard:samples', () => gauge.list(), {
	merge: 'latest',
	key: 'at',
	max: SAMPLES_KEPT
});
