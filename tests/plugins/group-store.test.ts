import { expect, test } from 'vitest';
import { memoryGroups } from 'svelte-realtime/plugins/groups';
import { VirtualClock } from 'svelte-realtime/testing';
import { groupStoreContract } from '../contracts/group-store.ts';

groupStoreContract('memory', async () => {
	const clock = new VirtualClock();
	const { store } = memoryGroups(clock);
	return {
		stores: [store('a'), store('b')],
		advance: (ms) => clock.advance(ms),
		close: async () => {}
	};
});

test('memory: a group that was closed is forgotten when all have left it', async () => {
	const groups = memoryGroups(new VirtualClock());
	const [one, other] = [groups.store('a'), groups.store('b')];
	const record = { id: '1', meta: null, roles: ['member'] };
	for (const store of [one, other]) await store.open('g', record, 1000);

	await one.close('g');
	await one.leave('g', '1');
	expect(groups.size).toBe(1);
	await other.leave('g', '1');

	expect(groups.size).toBe(0);
});
