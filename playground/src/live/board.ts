import { live, LiveError } from 'svelte-realtime';
import { Doing, NewNote, NoteChange, Point, Removal } from '$lib/server/schemas';
import { board as notes } from '$lib/server/store';

const GONE = 'Somebody has taken this note off.';
const FULL = 'The board is full. Take something off first.';

/** A board with sticky notes, and everyone who looks at it. */
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
		add: live.room.action(NewNote, (ctx, input) => {
			const note = notes.add({ ...input, hue: ctx.user?.hue ?? 45 });
			if (!note) throw new LiveError('CONFLICT', FULL);
			ctx.publish('created', note);
			return note;
		}),

		/** Moves a note, or writes on it, and says how it was before. */
		change: live.room.action(NoteChange, (ctx, { id, ...changes }) => {
			const before = notes.find(id);
			const note = notes.change(id, changes);
			if (!before || !note) throw new LiveError('NOT_FOUND', GONE);
			ctx.publish('updated', note);
			return before;
		}),

		/** Takes a note off, and says what it was; one that is already gone is no error. */
		remove: live.room.action(Removal, (ctx, { id }) => {
			const note = notes.find(id);
			if (notes.remove(id)) ctx.publish('deleted', { id });
			return note;
		})
	}
});
