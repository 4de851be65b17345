import { expect, test } from 'vitest';
import { memoryPresence } from 'svelte-realtime/plugins/presence';
import { VirtualClock } from 'svelte-realtime/testing';
import { presenceStoreContract } from '../contracts/presence-store.ts';

presenceStoreContract('memory', async () => {
	const clock = new VirtualClock();
	const { store } = memoryPresence(clock);
	return {
		stores: [store('a'), store('b'), store('c')],
		advance: (ms) => clock.advance(ms),
		close: async () => {}
	};
});

test('memory: a topic that nobody is in or follows is forgotten', () => {
	const presence = memoryPresence(new VirtualClock());
	const store = presence.store('a');
	void store.beat(1000);
	const listener = { changed: () => {}, replaced: () => {} };

	for (let n = 0; n < 1000; n += 1) {
		void store.apply(`t${n}`, { puts: [{ key: 'ada', data: {} }], removes: [] });
		const followed = store.follow(`t${n}`, listener) as { close(): void };
		void store.apply(`t${n}`, { puts: [], removes: ['ada'] });
		followed.close();
	}

	expect(presence.size).toBe(0);
});
