/** The shared chat and list, kept in memory: they begin empty each time the server starts. */

import { MESSAGES_KEPT, TODOS_KEPT, type Message, type Todo } from '$lib/model';

const messages: Message[] = [];
const todos = new Map<string, Todo>();

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
