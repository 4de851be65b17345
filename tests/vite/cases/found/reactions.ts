import { live } from 'svelte-realtime';

export const nightly = live.cron('0 3 * * *', () => 1);
export const mail = live.effect('orders', () => {});
export const total = live.derived(['orders'], () => 1);
export const sales = live.gate(
	() => true,
	live.aggregate('orders', { count: { init: 0, reduce: (count) => count + 1 } })
);
