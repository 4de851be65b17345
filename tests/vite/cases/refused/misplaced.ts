import { live } from 'svelte-realtime';

const nightly = live.cron('0 0 * * *', () => {});
export const gated = live.gate(() => true, nightly);
