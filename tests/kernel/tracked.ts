/** Test kernels, and what was reported on them. The setup of all tests ends them, and finds what they leave. */

import { RealtimeError } from 'svelte-realtime/kernel';

export { createTestKernel as startKernel } from 'svelte-realtime/testing';

type Reported = { readonly plugin: string; readonly error: unknown };

/** What was reported, as `plugin code`, and forgotten with that; errors without a code by their text. */
export function takeErrors(kernel: { readonly errors: Reported[] }): string[] {
	return kernel.errors.splice(0).map(({ plugin, error }) => {
		const what = error instanceof RealtimeError ? error.code : String(error);
		return `${plugin} ${what}`;
	});
}
