import * as realtime from 'svelte-realtime';
import { live, pipe, pipe as through } from 'svelte-realtime';

const budget = { points: 5, window: 1000 };
const messages = live.stream('messages', async () => [{ id: 1 }]);
const schema = { '~standard': null as never };
const handler = async (): Promise<number> => 1;

async function declared(): Promise<number> {
	return 1;
}

export const limited = live.rateLimit({ points: 5, window: 1000 }, live(async () => 1));
export const twice = live.rateLimit(budget, live.rateLimit(budget, live(async () => 1)));
export const named = live.rateLimit(budget, messages);
export const gated = live.gate(() => true, messages);
export const both = live.rateLimit(budget, live.gate(async () => true, live(async () => 1)));
export const bare = live.rateLimit(budget, async () => 1);
export const later = live.gate(() => true, handler);
export const checked = live.validated(schema, live.rateLimit(budget, declared));
export const piped = pipe(messages, pipe.sort('id'));
export const outside = live.gate(() => true, pipe(messages, pipe.sort('id')));
export const inside = through(live.rateLimit(budget, messages), through.sort('id'));
export const whole = realtime.pipe(messages, realtime.pipe.sort('id'));
export const byId = pipe.sort('id');
