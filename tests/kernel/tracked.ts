/** Test kernels whose reported errors no test can overlook. */

import { afterEach, expect } from 'vitest';
import { RealtimeError, type Plugin } from 'svelte-realtime/kernel';
import { createTestKernel, type TestKernel, type TestKernelOptions } from 'svelte-realtime/testing';

type Reported = { readonly plugin: string; readonly error: unknown };

const running: { readonly errors: readonly Reported[]; shutdown(): Promise<void> }[] = [];

/** Starts a kernel. After the test every error that `takeErrors` did not take fails it. */
export async function startKernel<const List extends readonly Plugin[]>(
	plugins: List,
	options: TestKernelOptions = {}
): Promise<TestKernel<List>> {
	const kernel = await createTestKernel<List>(plugins, options);
	running.push(kernel);
	return kernel;
}

/** What was reported, as `plugin code`, and forgotten with that; errors without a code by their text. */
export function takeErrors(kernel: { readonly errors: Reported[] }): string[] {
	return kernel.errors.splice(0).map(({ plugin, error }) => {
		const what = error instanceof RealtimeError ? error.code : String(error);
		return `${plugin} ${what}`;
	});
}

afterEach(() => {
	const left = running.splice(0).flatMap(({ errors }) => errors);
	expect(left, 'errors that were reported and not expected').toEqual([]);
});
