import * as v from 'valibot';
import { live, type LiveContext } from 'svelte-realtime';

export interface Message {
	readonly id: number;
	text: string;
}

interface Tables {
	a: { x: 1 };
	b: { y: 2 };
}

const Draft = v.object({ title: v.string(), at: v.pipe(v.string(), v.transform(Number)) });

/**
 * Sends a message to everybody.
 *
 * @param text What it says.
 */
export const send = live(async (_ctx, text: string, loud?: boolean): Promise<Message> => {
	return { id: 1, text: loud ? text.toUpperCase() : text };
});
export const nothing = live(() => {});
export const sync = live((_ctx, a: number, b: number) => a + b);
export const literal = live((_ctx, size: 's' | 'm') => ({ size, tag: 'x' as const }));
export const tuple = live((): [number, string] => [1, 'a']);
export const rest = live((_ctx, first: string, ...more: number[]) => [first, more] as const);
export const optional = live((_ctx, by: number = 1) => by);
export const dated = live(async () => ({ at: new Date(), tags: new Set<string>(), map: new Map() }));
export const maybe = live(async (_ctx, id: number): Promise<Message | null> => {
	return id ? { id, text: '' } : null;
});
export const union = live(
	(_ctx, kind: { is: 'a'; n: number } | { is: 'b'; s: string }) => kind.is
);
/** A type parameter is what it extends: what travels is a value. */
export const generic = live(
	async <K extends keyof Tables>(_ctx: LiveContext, table: K): Promise<Tables[K][]> => {
		void table;
		return [];
	}
);
export const checked = live(Draft, async (_ctx, draft) => draft.at.toFixed() + draft.title);
export const checkedMore = live(Draft, (_ctx, draft, more: boolean) => [draft.at, more] as const);
const remove = live(async (_ctx, id: number) => id > 0);
export { remove as delete };

export const notLive = 1;
export function helper(): void {}
