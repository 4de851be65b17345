import { expect, test } from 'vitest';
import { definePlugin, deny } from 'svelte-realtime';
import { createTestKernel, FakeSocket, provided, VirtualClock } from 'svelte-realtime/testing';
import { startKernel } from './tracked.ts';

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		greeter: { greet(): string };
	}
}

test('a virtual clock runs what falls due, in the order of time', async () => {
	const clock = new VirtualClock(1000);
	const log: string[] = [];
	clock.after(30, () => log.push(`after ${clock.now()}`));
	const stop = clock.every(20, () => log.push(`every ${clock.now()}`));
	clock.after(10, () => log.push('cancelled'))();

	await clock.advance(45);
	stop();
	await clock.advance(100);

	expect(log).toEqual(['every 1020', 'after 1030', 'every 1040']);
	expect([clock.now(), clock.pending]).toEqual([1145, 0]);
});

test('timers that a timer makes run in the same turn of the clock', async () => {
	const clock = new VirtualClock();
	const log: number[] = [];
	const again = (): void => {
		log.push(clock.now());
		if (log.length < 3) clock.after(10, again);
	};
	clock.after(10, again);

	await clock.advance(100);

	expect(log).toEqual([10, 20, 30]);
});

test('a fake socket throws on any use after its end, as the native one does', () => {
	const socket = new FakeSocket(new Map());
	socket.end(1006, '');

	for (const use of [
		() => socket.send('x'),
		() => socket.subscribe('x'),
		() => socket.unsubscribe('x'),
		() => socket.publish('x', 'y'),
		() => socket.cork(() => {}),
		() => socket.close(1000, '')
	]) {
		expect(use).toThrow('Invalid access');
	}
});

test('a provided stand-in satisfies those who require it', async () => {
	const polite = definePlugin({
		name: 'polite',
		requires: ['greeter'],
		setup: (kernel) => {
			greeting = kernel.use('greeter').greet();
		}
	});
	let greeting = '';
	const kernel = await startKernel([provided('greeter', { greet: () => 'hello' }), polite]);

	expect(greeting).toBe('hello');
	expect(kernel.use('greeter').greet()).toBe('hello');
});

test('a plugin whose requirement is missing fails as in production', async () => {
	const polite = definePlugin({ name: 'polite', requires: ['greeter'], setup() {} });

	await expect(createTestKernel([polite])).rejects.toThrow('RT_CAPABILITY_MISSING');
});

test('connecting goes through the gates', async () => {
	const kernel = await startKernel([
		definePlugin({
			name: 'gate',
			setup: ({ hook }) =>
				void hook('upgrade', ({ data, request }) => {
					if (request.headers['x-name'] === 'eve') return deny('FORBIDDEN', 'Not you.');
					data.user = request.headers['x-name'];
				})
		})
	]);

	const ada = await kernel.connect({}, { headers: { 'x-name': 'ada' } });

	expect(ada.connection.data.user).toBe('ada');
	await expect(kernel.connect({}, { headers: { 'x-name': 'eve' } })).rejects.toThrow(
		'FORBIDDEN: Not you.'
	);
});
