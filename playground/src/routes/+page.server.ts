import { fail, redirect } from '@sveltejs/kit';
import { resolve } from '$app/paths';
import * as v from 'valibot';
import { messages } from '$live/chat';
import { list } from '$live/todos';
import type { Problem } from '$lib/problem';
import { NewMessage, NewTodo } from '$lib/server/schemas';
import { chat, tasks } from '$lib/server/store';
import type { Actions, PageServerLoad } from './$types';

export const load: PageServerLoad = async (event) => {
	const [chat, todos] = await Promise.all([messages.load(event), list.load(event)]);
	return { chat, todos, name: event.url.searchParams.get('name') ?? '' };
};

/** Where the browser runs no JavaScript, the forms come here; what they do is live for the others. */
export const actions: Actions = {
	say: async ({ request, platform }) => {
		const values = await fields(request);
		const { success, output, issues } = v.safeParse(NewMessage, values);
		if (!success) return fail(400, { form: 'say', values, problem: problemOf(issues) });

		await platform?.topic('chat').created(await chat.add(output));
		redirect(303, `${resolve('/')}?name=${encodeURIComponent(output.name)}`);
	},

	add: async ({ request, platform }) => {
		const values = await fields(request);
		const { success, output, issues } = v.safeParse(NewTodo, values);
		if (!success) return fail(400, { form: 'add', values, problem: problemOf(issues) });

		const todo = await tasks.add(output.text);
		if (!todo) return fail(409, { form: 'add', values, problem: full });
		await platform?.topic('todos').created(todo);
		redirect(303, resolve('/'));
	}
};

const full: Problem = { message: 'The list is full. Clear what is done first.', fields: {} };

/** The text fields of a form; a file sent in their place counts as left out. */
async function fields(request: Request): Promise<Record<string, string>> {
	const entries = [...(await request.formData())];
	return Object.fromEntries(
		entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string')
	);
}

function problemOf(issues: readonly v.BaseIssue<unknown>[]): Problem {
	const fields: Record<string, string> = {};
	for (const issue of issues) fields[v.getDotPath(issue) ?? ''] ??= issue.message;
	return { message: '', fields };
}
