/** The option of declarations that says which request they run in. */

import { RealtimeError } from 'svelte-realtime/kernel';

export interface RequestOptions {
	/**
	 * What it runs in, guards included: the request that its connection began with, or one of its own,
	 * for which `handle` of the app runs again. Then a session that has ended is noticed with the next
	 * call, `ctx.user` is whoever it is by now, and SvelteKit's remote functions can be used.
	 *
	 * @default 'connection'; 'request' in a module that imports a `.remote` file
	 */
	context?: 'connection' | 'request';
}

/** The option of a declaration. @throws {RealtimeError} RT_OPTION_INVALID */
export function contextOf(options: unknown, where: string): RequestOptions['context'] {
	const { context } = (options ?? {}) as RequestOptions;
	if (context === undefined || context === 'connection' || context === 'request') return context;
	const wanted = "'connection' or 'request'";
	throw new RealtimeError('RT_OPTION_INVALID', ['context', where, String(context), wanted]);
}
