import { live } from './_realtime';

export const plainNumber = 1;
export const shared = live.stream('shared', async () => []);
export default 1;
