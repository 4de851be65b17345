/** A live function with nothing in front of it. */

import { live } from 'svelte-realtime';
import { serveCalls } from './calls.mjs';

await serveCalls({
	ratelimit: false,
	modules: { 'admin/users': { echo: live((ctx, value) => value) } }
});
