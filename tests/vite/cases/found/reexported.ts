export { send, messages as feed } from './plain.ts';
export { hidden } from './_private.js';
export * from './_shared';
export type { Message } from './typed';
import { plainNumber } from './_shared';
import { send as sent } from './plain';
export { plainNumber, sent };
