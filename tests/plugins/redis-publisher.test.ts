import { expect, test } from 'vitest';
import { systemClock } from 'svelte-realtime/kernel';
import type { Broadcast } from '../../plugins/log-line.ts';
import { keysOf } from '../../plugins/redis-replay/keys.ts';
import { Publisher } from '../../plugins/redis-replay/publisher.ts';

/** A publisher whose store answers as the test says, one attempt after the other. */
function publishing(answers: readonly unknown[]) {
	const told: Broadcast[] = [];
	let attempt = 0;
	const publisher = new Publisher({
		link: { isUp: true, run: 'run', onUp: () => () => {} } as never,
		clock: systemClock,
		broadcast: 'publish',
		size: 100,
		retention: 60_000,
		waiting: 100,
		retryFor: 1000,
		outbox: undefined,
		run: async () => {
			const answer = answers[attempt++];
			if (answer instanceof Error) throw answer;
			return answer as never;
		},
		keysOf: (topic) => keysOf('', topic),
		unpublished: () => '~store',
		renewal: () => '0',
		renewAll: async () => {},
		known: () => 10,
		stored: (_topic, broadcast) => void told.push(broadcast),
		report: (error) => {
			throw error;
		}
	});
	const frame = { event: 'created', value: { json: '1', devalue: false }, op: undefined };
	const publish = (id: string, isGiven?: boolean) =>
		publisher.publish('a', { id, ...frame, ...(isGiven !== undefined && { isGiven }) });
	return { told, publish };
}

test('what the store had already, when it was asked again, is told as a repeat', async () => {
	const { told, publish } = publishing([
		new Error('Command timed out'),
		['two', [-11], '', ''],
		'two 12'
	]);

	expect(await publish('me.1')).toEqual({ status: 'stored', epoch: 'two', seq: 11 });
	expect(await publish('me.2')).toEqual({ status: 'stored', epoch: 'two', seq: 12 });

	expect(told).toMatchObject([
		{ epoch: 'two', frames: [{ id: 'me.1', seq: 11 }], isRepeat: true },
		{ epoch: 'two', frames: [{ id: 'me.2', seq: 12 }], isRepeat: false }
	]);
});

test('what somebody else has published under the name makes no repeat of what is new beside it', async () => {
	const { told, publish } = publishing([['two', [-9, 11], '', '']]);

	await Promise.all([publish('given', true), publish('me.1')]);

	expect(told).toMatchObject([{ frames: [{ id: 'me.1', seq: 11 }], isRepeat: false }]);
});
