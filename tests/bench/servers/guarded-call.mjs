/** The same function behind the guards of its folder and module, a schema and a limit. */

import * as v from 'valibot';
import { guard, live } from 'svelte-realtime';
import { serveCalls } from './calls.mjs';

const Message = v.object({ text: v.pipe(v.string(), v.maxLength(100)), count: v.number() });
const echo = live(Message, (ctx, value) => value);

await serveCalls({
	ratelimit: { calls: { points: 100_000, window: 1 } },
	modules: {
		'admin/_guard': { _guard: guard((ctx) => ctx.connection.isOpen) },
		'admin/users': { _guard: guard((ctx) => ctx.path !== 'admin/users/hidden'), echo }
	}
});
