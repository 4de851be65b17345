import { expect, test } from 'vitest';
import { VirtualClock } from 'svelte-realtime/testing';
import { followedBy } from '../../plugins/log-followers.ts';

function topic() {
	const clock = new VirtualClock();
	const entry = { ready: Promise.resolve(), followers: 0, cancelEnd: undefined };
	let ends = 0;
	const reads = { head: () => ({ epoch: 'e', seq: 0 }), since: () => [], last: () => [] };
	const follow = () => followedBy(entry, reads, { clock, linger: 100, end: () => (ends += 1) });
	return { clock, follow, ends: () => ends };
}

test('a topic ends a while after its last follower has left, however often that says so', async () => {
	const { clock, follow, ends } = topic();
	const [one, other] = [await follow(), await follow()];
	one.close();
	one.close();
	await clock.advance(1000);
	expect(ends()).toBe(0);

	other.close();
	await clock.advance(99);
	expect(ends()).toBe(0);
	await clock.advance(1);
	expect(ends()).toBe(1);
});

test('who comes within that while keeps it', async () => {
	const { clock, follow, ends } = topic();
	(await follow()).close();
	await clock.advance(50);
	const back = await follow();

	await clock.advance(1000);
	expect(ends()).toBe(0);
	back.close();
	await clock.advance(100);
	expect(ends()).toBe(1);
});
