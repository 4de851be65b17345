/** Puts something on the page. */

import { chat, tasks } from '$lib/server/store';

const MESSAGES = 30;
const TODOS = 15;

export async function GET() {
	for (let index = 10; index < 10 + MESSAGES; index++) {
		await chat.add({
			name: `Visitor ${index % 7}`,
			text: `Message ${index}, as long as most are.`
		});
	}
	for (let index = 10; index < 10 + TODOS; index++) await tasks.add(`Something to do, ${index}`);
	return new Response(null, { status: 204 });
}
