/** Cookies that the app sets where no response of SvelteKit's carries them. */

import { RealtimeError } from '../../kernel/errors.ts';
import type { RequestEvent } from '../../kernel/request-event.ts';

type Options = Readonly<Record<string, unknown>>;

interface Cookies {
	set(name: string, value: string, options: Options): void;
	delete(name: string, options: Options): void;
	serialize(name: string, value: string, options: Options): string;
}

/**
 * Notes from now on which cookies are set.
 *
 * @returns what makes headers of them, the last one of each name.
 */
export function collectCookies(event: RequestEvent): () => readonly string[] {
	const cookies = event.cookies as unknown as Cookies;
	const jar = new Map<string, string>();
	const note = (name: string, value: string, options: Options): void => {
		const { domain = '', path = '' } = options;
		jar.set([name, domain, path].join(';'), cookies.serialize(name, value, options));
	};
	const own = { set: cookies.set, delete: cookies.delete };
	cookies.set = (name, value, options) => {
		own.set.call(cookies, name, value, options);
		note(name, value, options);
	};
	cookies.delete = (name, options) => {
		own.delete.call(cookies, name, options);
		note(name, '', { ...options, maxAge: 0 });
	};
	return () => [...jar.values()];
}

/** From now on the event says that it has no response. */
export function withoutResponse(event: RequestEvent): void {
	const refuse = (what: string) => (): never => {
		throw new RealtimeError('RT_EVENT_RESPONSE', [what]);
	};
	const cookies = event.cookies as unknown as Cookies;
	cookies.set = refuse('cookies.set()');
	cookies.delete = refuse('cookies.delete()');
	(event as { setHeaders?: unknown }).setHeaders = refuse('setHeaders()');
}
