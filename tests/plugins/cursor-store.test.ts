import { memoryCursors } from 'svelte-realtime/plugins/cursors';
import { VirtualClock } from 'svelte-realtime/testing';
import { cursorStoreContract } from '../contracts/cursor-store.ts';

cursorStoreContract('memory', async () => {
	const clock = new VirtualClock();
	const store = memoryCursors(clock);
	return {
		stores: [store, store],
		advance: (ms) => clock.advance(ms),
		close: () => Promise.resolve()
	};
});
