/** What a guard may answer, and what a gate is asked with. Checked by tsc; nothing here runs. */

import * as v from 'valibot';
import { guard, live, LiveError, type LiveContext, type LiveFunction } from 'svelte-realtime';
import type { Stub } from 'svelte-realtime/client';

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
interface Person {
	readonly isAdmin: boolean;
}
const personOf = (ctx: LiveContext): Person | undefined =>
	ctx.user as unknown as Person | undefined;

export const _guard = guard(
	(ctx) => {
		if (!ctx.user) throw new LiveError('UNAUTHENTICATED');
	},
	async (ctx) => personOf(ctx)?.isAdmin === true,
	live.access.any(live.access.owner(), live.access.role({ admin: true, editor: async () => true })),
	guard(() => true)
);
// @ts-expect-error of a visitor without a user it says nothing, and nothing goes on
guard((ctx) => personOf(ctx)?.isAdmin);
// @ts-expect-error a user is no answer
guard((ctx) => personOf(ctx));
// @ts-expect-error a question of `live.access` says yes or no
live.access.all((ctx) => personOf(ctx)?.isAdmin);

/** What is behind a gate is called and followed as before. */
const rename = live((_ctx, name: string, times: number) => name.repeat(times));
const gated = live.gate((_ctx, name, times) => name.length > times, rename);
export const call: Same<typeof gated, typeof rename> = true;
export const stub: Same<Stub<typeof gated>, Stub<typeof rename>> = true;

/** Checked arguments are what the schema makes of them. */
const parsed = live(v.pipe(v.string(), v.transform(Number)), (_ctx, input) => input);
export const checked: LiveFunction<[input: number], number, [input: string]> = live.gate(
	(_ctx, input) => input > 1,
	parsed
);

const list = live.stream(
	(_ctx, id: number) => `list:${id}`,
	() => [{ id: 1 }]
);
export const stream: Same<typeof list, ReturnType<typeof gate>> = true;
const gate = () => live.gate(async (_ctx, id) => id > 1, list);
// @ts-expect-error the argument is a number
live.gate((_ctx, id: string) => id === '', list);
// @ts-expect-error a gate says yes or no
live.gate((ctx) => personOf(ctx)?.isAdmin, list);
