import { live } from 'svelte-realtime';

interface Order {
	readonly price: number;
}

export const total = live.derived(['orders'], async () => ({ sum: 1 }));
export const debounced = live.derived(['orders'], () => 'text', { debounce: 10 });
export const perTeam = live.derived(
	(_ctx, id: string) => [`team:${id}`],
	(_ctx, id) => id.length
);
export const perUser = live.derived(['orders'], (ctx) => ctx.path, { perUser: true });
export const several = live.derived(['orders', 'users'], () => [1, 2]);
export const sales = live.aggregate(
	'orders',
	{
		count: { init: 0, reduce: (count) => count + 1 },
		sum: { init: 0, reduce: (sum, _event, order: Order) => sum + order.price }
	},
	{ snapshot: () => ({ count: 1 }) }
);
export const guarded = live.gate(() => true, sales);
export const nightly = live.cron('0 3 * * *', () => 1);
export const ticking = live.cron('* * * * *', 'minutes', () => 1);
export const hourly = live.cron('0 * * * *', async () => {});
export const mail = live.effect('orders', () => {});
export const log = live.effect(['orders', 'users'], async () => {});
