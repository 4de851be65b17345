/** How events change the value of a stream: the same for every reader. */

import { crud } from './crud.ts';
import { latest } from './latest.ts';
import type { List } from './list.ts';

export { createList, type List } from './list.ts';

/** Applies one event to a list. Malformed data, and an event that it does not know, change nothing. */
export type Strategy = (list: List, event: string, data: unknown) => void;

/** By name. Those that few pages need are added by what needs them: see `members.ts`. */
export const strategies: Record<string, Strategy> = {
	// No name of a prototype is a strategy.
	__proto__: null as never,
	crud,
	latest,
	// One value, which every event replaces.
	set: (list, _event, data) => list.reset(data)
};

/** Applies one event. */
export function apply(list: List, event: string, data: unknown): void {
	// A strategy of a newer server: keeping the value is the least wrong.
	strategies[list.options.merge]?.(list, event, data);
}
