import { expect, test } from 'vitest';
import { defineConfig } from 'svelte-realtime';
import { fakeTransport, settle } from 'svelte-realtime/testing';
import { createApp } from '../../adapter/runtime/app.ts';

async function started(config = defineConfig({})) {
	const transport = fakeTransport();
	const app = await createApp({ config, modules: {} }, { transport, isFound: false });
	return { app, transport, platform: app.platform };
}

test('an action tells a user something, and invalidates a tag, as a live function does', async () => {
	const { app, transport, platform } = await started();
	const socket = transport.socket();
	socket.onClose = () => {};
	app.kernel.open(socket, { user: { id: 'ada' } });
	await settle();

	expect(platform.signal('ada', 'invited', 7)).toMatchObject({ status: 'ok', connections: 1 });
	expect(await platform.invalidate('todos')).toMatchObject({ status: 'ok' });

	expect(JSON.parse(String(socket.sent.at(-1)))).toMatchObject({ event: 'invited', data: 7 });
	await app.close();
});

test('an app without these plugins is told so, and nothing throws', async () => {
	const { app, platform } = await started(defineConfig({ preset: [] }));
	const absent = { status: 'rejected', code: 'SERVICE_UNAVAILABLE' };

	expect(platform.signal('ada', 'invited')).toEqual({ ...absent, connections: 0 });
	expect(platform.invalidate('todos')).toEqual(absent);

	await app.close();
});
