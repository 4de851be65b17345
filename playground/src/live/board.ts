import { live, LiveError } from 'svelte-realtime';
import { Doing, NewNote, NoteChange, Point, Removal } from '$lib/server/schemas';
import { board as notes } from '$lib/server/store';

const GONE = 'Somebody has taken this note off.';
const FULL = 'The board is full. Take something off first.';

/**
 * A board with sticky notes, and everyone who looks at it.
 *
 * What happens to a note is stored and told under its lock, whichever instance it happens on: what is
 * told last is what is stored.
 */
export const board = live.room({
	topic: 'board',
	init: () => notes.list(),
	// A copy, or only the fields that everybody's users have would go out.
	presence: { data: ({ user }) => user && { ...user }, state: Doing },
	// Half of what screens show; `smooth` makes up for the rest.
	cursors: {
		data: Point,
		user: ({ user }) => user && { name: user.name, hue: user.hue },
		interval: 33
	},
	actions: {
		add: live.room.action(NewNote, (ctx, input) =>
			ctx.lock(`note:${input.id}`, async () => {
				const note = { ...input, hue: ctx.user?.hue ?? 45 };
				if (!(await notes.add(note)).isAdded) throw new LiveError('CONFLICT', FULL);
				await ctx.publish('created', note);
				return note;
			})
		),

		/** Moves a note, or writes on it, and says how it was before. */
		change: live.room.action(NoteChange, (ctx, { id, ...changes }) =>
			ctx.lock(`note:${id}`, async () => {
				const changed = await notes.change(id, changes);
				if (!changed) throw new LiveError('NOT_FOUND', GONE);
				await ctx.publish('updated', changed.after);
				return changed.before;
			})
		),

		/** Takes a note off, and says what it was; one that is already gone is no error. */
		remove: live.room.action(Removal, (ctx, { id }) =>
			ctx.lock(`note:${id}`, async () => {
				const note = await notes.remove(id);
				if (note) await ctx.publish('deleted', { id });
				return note;
			})
		)
	}
});
