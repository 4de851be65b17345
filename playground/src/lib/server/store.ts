/** The shared chat, list and boards, kept in memory: they begin anew each time the server starts. */

import {
	MESSAGES_KEPT,
	NOTES_KEPT,
	TODOS_KEPT,
	type Message,
	type Note,
	type Todo
} from '$lib/model';

const messages: Message[] = [];
const todos = new Map<string, Todo>();
const notes = new Map<string, Note>();

export const chat = {
	/** Oldest first. */
	list(): readonly Message[] {
		return [...messages];
	},

	/** Keeps a message; the oldest gives way where there are too many. */
	add({ name, text }: Pick<Message, 'name' | 'text'>): Message {
		const message = { id: crypto.randomUUID(), name, text, at: Date.now() };
		if (messages.push(message) > MESSAGES_KEPT) messages.shift();
		return message;
	}
};

export const tasks = {
	/** In the order in which they were added. */
	list(): readonly Todo[] {
		return [...todos.values()];
	},

	/** Adds a to-do, or returns `undefined` where the list is full. */
	add(text: string): Todo | undefined {
		if (todos.size >= TODOS_KEPT) return undefined;
		const todo = { id: crypto.randomUUID(), text, done: false };
		todos.set(todo.id, todo);
		return todo;
	},

	/** Changes a to-do, or returns `undefined` where somebody has removed it. */
	change(id: string, changes: Partial<Omit<Todo, 'id'>>): Todo | undefined {
		const todo = todos.get(id);
		if (!todo) return undefined;
		const changed = { ...todo, ...changes };
		todos.set(id, changed);
		return changed;
	},

	/** Whether there was such a to-do. */
	remove(id: string): boolean {
		return todos.delete(id);
	}
};

export const board = {
	/** In the order in which they were stuck on. */
	list(): readonly Note[] {
		return [...notes.values()];
	},

	find(id: string): Note | undefined {
		return notes.get(id);
	},

	/** Sticks a note on, or returns `undefined` where the board is full. */
	add(note: Note): Note | undefined {
		if (notes.size >= NOTES_KEPT && !notes.has(note.id)) return undefined;
		notes.set(note.id, note);
		return note;
	},

	/** Changes a note, or returns `undefined` where somebody has taken it off. */
	change(id: string, changes: Partial<Omit<Note, 'id'>>): Note | undefined {
		const note = notes.get(id);
		if (!note) return undefined;
		const changed = { ...note, ...changes };
		notes.set(id, changed);
		return changed;
	},

	/** Whether there was such a note. */
	remove(id: string): boolean {
		return notes.delete(id);
	}
};
