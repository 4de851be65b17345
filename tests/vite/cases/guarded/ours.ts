import { protect } from './_again.ts';
import { live } from './_realtime.ts';

export const _guard = protect(() => true);
export const send = live(() => 1);
