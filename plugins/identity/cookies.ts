/** Reading and setting the cookies of a request, in SvelteKit's words. */

import { serialize, stringifyCookie, type SerializeOptions } from 'cookie';
import type { UpgradeContext } from 'svelte-realtime/kernel';

/** As of the package `cookie`; `maxAge` is in **seconds**, as in HTTP and in SvelteKit. */
export type CookieOptions = SerializeOptions;

/** The cookies of a request. What is set is seen by `get`, by the gates, and by the browser. */
export interface Cookies {
	/** Of several with one name the first. */
	get(name: string): string | undefined;
	getAll(): { name: string; value: string }[];
	/**
	 * Sets a cookie; a later one of the same name, path and domain replaces it.
	 *
	 * @param options Laid over `httpOnly`, `sameSite: 'lax'`, `path: '/'`, and `secure` unless the
	 * server is `http://localhost`.
	 * @throws {TypeError} for a name, value, path or domain that no cookie can have.
	 */
	set(name: string, value: string, options?: CookieOptions): void;
	/** Takes it away; `path` and `domain` are those that it was set with. */
	delete(name: string, options?: CookieOptions): void;
}

/** The cookies of a preflight. */
export function cookiesOf(ctx: UpgradeContext): Cookies {
	const present = new Map(Object.entries(ctx.cookies));
	/** Name, path and domain → the header's value. */
	const set = new Map<string, string>();
	const { origin } = ctx.request;
	const secure = !origin || new URL(origin).hostname !== 'localhost' || origin.startsWith('https:');

	function put(name: string, value: string, options: CookieOptions): void {
		const all = { httpOnly: true, sameSite: 'lax', path: '/', secure, ...options } as const;
		set.set(JSON.stringify([name, all.path, all.domain]), serialize(name, value, all));
		ctx.setCookies.splice(0, Infinity, ...set.values());
		if (all.maxAge === 0) present.delete(name);
		else present.set(name, value);
		ctx.useCookies(stringifyCookie(Object.fromEntries(present)));
	}

	return {
		get: (name) => present.get(name),
		getAll: () =>
			[...present].flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }])),
		set: (name, value, options = {}) => put(name, value, options),
		delete: (name, options = {}) => put(name, '', { ...options, maxAge: 0 })
	};
}
