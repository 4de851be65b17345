import { live } from './_imposter';

export const no = live(() => 1);
