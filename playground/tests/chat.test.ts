import { expect, test } from 'vitest';
import { startApp } from './app';

type Chat = typeof import('../src/live/chat');

test('what one visitor says the others read, in order', async () => {
	await using app = await startApp();
	const ada = await app.connect();
	const bob = await app.connect();
	const { send } = ada.live<Chat>('chat');
	const messages = bob.subscribe(bob.live<Chat>('chat').messages);
	await messages.waitFor();

	await send({ name: ' Ada ', text: 'hello' });
	await send({ name: 'Ada', text: 'anybody here?' });

	const said = await messages.waitFor((list) => list.length === 2);
	expect(said.map(({ name, text }) => `${name}: ${text}`)).toEqual([
		'Ada: hello',
		'Ada: anybody here?'
	]);
});

test('a message without a text is refused, and says which field it is', async () => {
	await using app = await startApp();
	const ada = await app.connect();

	const sending = ada.call('chat/send', { name: 'Ada', text: '  ' });

	await expect(sending).rejects.toMatchObject({
		code: 'VALIDATION',
		issues: [{ path: ['text'], message: 'Write a message first.' }]
	});
});

test('who was away for a while gets what they missed, once', async () => {
	await using app = await startApp();
	const ada = await app.connect();
	const bob = await app.connect();
	const messages = bob.subscribe('chat/messages');
	await messages.waitFor();

	await bob.disconnect();
	await ada.call('chat/send', { name: 'Ada', text: 'one' });
	await ada.call('chat/send', { name: 'Ada', text: 'two' });
	expect(messages.status).toBe('reconnecting');
	await bob.reconnect();

	await messages.waitFor(() => messages.events.length >= 2);
	expect(messages.events.map(({ event, seq }) => [event, seq])).toEqual([
		['created', 1],
		['created', 2]
	]);
});

test('a page is rendered with the messages in it', async () => {
	await using app = await startApp();
	const ada = await app.connect();
	const message = await ada.call('chat/send', { name: 'Ada', text: 'first' });

	const { value } = await ada.load('chat/messages');

	expect(value).toContainEqual(message);
});
