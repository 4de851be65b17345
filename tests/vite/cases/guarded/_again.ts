import { guard } from './_realtime.ts';

export { guard as protect };
