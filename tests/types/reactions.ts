/** What is known of values that follow from events. Checked by tsc; nothing here runs. */

import { live, type LiveContext } from 'svelte-realtime';
import type { Stub } from 'svelte-realtime/client';

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

interface Order {
	readonly price: number;
}

const total = live.derived(['orders'], async (ctx) => {
	const nobody: null = ctx.user;
	// @ts-expect-error nobody has called it
	ctx.connection;
	return { nobody, path: ctx.path };
});
const team = live.derived(
	(_ctx, id: string) => [`team:${id}`],
	(_ctx, id) => id.length,
	{ debounce: 10, guard: (ctx, id) => ctx.user !== null && id !== '' }
);
const mine = live.derived(['orders'], (ctx) => ({ user: ctx.user }), { perUser: true });
// @ts-expect-error there is one way for its events to change it
live.derived(['orders'], () => 1, { merge: 'crud' });

const sales = live.aggregate(
	'orders',
	{
		count: { init: 0, reduce: (count) => count + 1 },
		sum: { init: 0, reduce: (sum, _event, order: Order) => sum + order.price },
		text: { compute: ({ sum }: { sum: number }) => `${sum} €` }
	},
	{ snapshot: () => ({ count: 1 }) }
);
live.aggregate(
	'orders',
	{ count: { init: 0 } },
	{
		// @ts-expect-error there is no such field
		snapshot: () => ({ counts: 1 })
	}
);

export const totalIs: Same<
	Stub<typeof total>['current'],
	{ nobody: null; path: string } | undefined
> = true;
export const teamIs: Same<ReturnType<Stub<typeof team>>['current'], number | undefined> = true;
export const mineIs: Same<Stub<typeof mine>['current'], { user: LiveContext['user'] } | undefined> =
	true;
export const salesIs: Same<
	Stub<typeof sales>['current'],
	{ count: number; sum: number; text: string } | undefined
> = true;

const job = live.cron('* * * * *', 'minutes', (ctx) => {
	void ctx.publish('news', 'said', ctx.path);
	// @ts-expect-error nobody has called it
	ctx.connection;
	return 1;
});
const mail = live.effect(
	'orders',
	(_event, order: Order, ctx) => void ctx.publish('a', 'b', order)
);
// @ts-expect-error missed runs are left out, or made up for
live.cron('* * * * *', () => 1, { missed: 'all' });
export const jobHasNoStub: Same<Stub<typeof job>, never> = true;
export const effectHasNoStub: Same<Stub<typeof mail>, never> = true;
