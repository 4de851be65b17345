/** What visitors may send; the live functions and the form actions check by the same schemas. */

import * as v from 'valibot';
import { NOTE_LENGTH } from '$lib/model';

function line(longest: number, missing: string): v.GenericSchema<string> {
	return v.pipe(
		v.string(),
		v.trim(),
		v.nonEmpty(missing),
		v.maxLength(longest, `At most ${longest} characters fit here.`)
	);
}

const id = v.pipe(v.string(), v.uuid());
const task = line(120, 'Write down what is to be done.');

export const NewMessage = v.object({
	name: line(32, 'Say who is writing.'),
	text: line(500, 'Write a message first.')
});

export const NewTodo = v.object({ text: task });
export const Tick = v.object({ id, done: v.boolean() });
export const Rename = v.object({ id, text: task });
export const Removal = v.object({ id });

const fraction = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const note = {
	text: v.pipe(v.string(), v.maxLength(NOTE_LENGTH, `At most ${NOTE_LENGTH} characters fit here.`)),
	x: fraction,
	y: fraction
};

/** A note to be stuck on. Its id is made by the page, so that the page knows it before the server. */
export const NewNote = v.object({ id, ...note });
export const NoteChange = v.object({
	id,
	text: v.exactOptional(note.text),
	x: v.exactOptional(note.x),
	y: v.exactOptional(note.y)
});
/** Where a pointer is on a board. */
export const Point = v.object({ x: fraction, y: fraction });
/** What a visitor says of itself: the note that it is writing on. */
export const Doing = v.object({ writing: v.nullable(id) });
/** What an admin says to somebody. */
export const Notice = v.object({
	user: v.string(),
	text: line(200, 'Write what you want to say.')
});
export const FileName = line(120, 'A file has a name.');
