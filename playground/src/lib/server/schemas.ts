/** What visitors may send; the live functions and the form actions check by the same schemas. */

import * as v from 'valibot';

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
