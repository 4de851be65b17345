import { page } from '../../kernel/client/index.ts';
import { streamsClient } from './client.ts';
import { INACTIVE, storeOf, type StreamStore } from './store.ts';

/**
 * The stream of nothing: `undefined`, for ever, and without a connection.
 *
 * @example const messages = $derived(room ? roomMessages(room) : empty);
 */
export const empty: StreamStore<undefined> = /* @__PURE__ */ (() => {
	const members: Partial<StreamStore<undefined>> = {
		// There is nothing to wait for.
		then: (...handlers) => Promise.resolve(undefined).then(...handlers),
		hasMore: false,
		loadMore: () => Promise.resolve(false),
		when: () => empty,
		async *[Symbol.asyncIterator]() {}
	};
	return storeOf(members, {
		host: () => streamsClient(page),
		find: () => undefined,
		state: () => INACTIVE,
		retain: () => () => {}
	}) as StreamStore<undefined>;
})();
