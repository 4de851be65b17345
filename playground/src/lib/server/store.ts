/** The shared chat, list and board. Without Redis they begin anew each time the server starts. */

import {
	MESSAGES_KEPT,
	NOTES_KEPT,
	TODOS_KEPT,
	type Message,
	type Note,
	type Todo
} from '$lib/model';
import { records } from './records';

const messages = records<Message>('messages', { most: MESSAGES_KEPT, full: 'drop oldest' });

export const chat = {
	/** Oldest first. */
	list: messages.list,

	/** Keeps a message; the oldest gives way where there are too many. */
	async add({ name, text }: Pick<Message, 'name' | 'text'>): Promise<Message> {
		const message = { id: crypto.randomUUID(), name, text, at: Date.now() };
		await messages.add(message);
		return message;
	}
};

const todos = records<Todo>('todos', { most: TODOS_KEPT, full: 'refuse' });

export const tasks = {
	...todos,

	/** Adds a to-do, or returns `undefined` where the list is full. */
	async add(text: string): Promise<Todo | undefined> {
		const todo = { id: crypto.randomUUID(), text, done: false };
		return (await todos.add(todo)).isAdded ? todo : undefined;
	}
};

export const board = records<Note>('notes', { most: NOTES_KEPT, full: 'refuse' });
