import { RealtimeError } from 'svelte-realtime/kernel';
import type { Upload, UploadFunction } from './remote.ts';

/**
 * What a function that is handed bytes is while a page is rendered: something that can be handed
 * around, and that says what to do when it is called.
 */
export function serverBinary(path: string): UploadFunction<unknown[], never> {
	const refuse = (): Upload<never> =>
		Object.assign(Promise.reject(new RealtimeError('RT_STUB_SERVER_CALL', [path])), {
			progress: { current: NOTHING, subscribe: (run: (none: typeof NOTHING) => void) => none(run) },
			cancel() {}
		});
	return Object.assign(refuse, { with: () => refuse });
}

const NOTHING = { sent: 0, total: 0 };

function none(run: (progress: typeof NOTHING) => void): () => void {
	run(NOTHING);
	return () => {};
}
