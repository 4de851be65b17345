/**
 * What another adapter does not do: the app whose streams the pages are rendered with runs in the same
 * process. It has no sockets there, which no page needs.
 */

import { createApp, load } from 'virtual:svelte-realtime/server';

export { handle } from './hooks.app';

export async function init() {
	const transport = { name: 'none', publish: () => false, subscribers: () => 0 };
	const respond = () => Promise.reject(new Error('There are no sockets here.'));
	await createApp(await load(), { transport, kit: { path: '/ws', respond } });
}
