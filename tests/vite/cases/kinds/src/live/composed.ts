import * as v from 'valibot';
import { live, pipe } from 'svelte-realtime';
import { both, messages, one } from './streams.ts';

/** The longer ones. */
export const long = pipe(
	messages,
	pipe.filter((message) => message.text.length > 9),
	pipe.limit(20)
);
export const sorted = pipe(one, pipe.sort('size'));
export const joined = pipe(
	messages,
	pipe.join('id', async (id: number) => ({ id, name: 'Ada' }), 'author')
);
export const validated = live.validated(
	v.object({ n: v.pipe(v.string(), v.transform(Number)) }),
	live.rateLimit({ points: 1, window: 1 }, async (_ctx, input: { n: number }) => input.n)
);
export const wrapped = live.gate(() => true, both);
export const todos = live.tag('todos');
export const team = live.tag((_ctx, id: string) => `team:${id}`);
export const around = live.middleware(async (_call, next) => next());
