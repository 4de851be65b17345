/** What of a user everybody may see, unless an app says otherwise. */

import type { RegisteredUser } from 'svelte-realtime/plugins/rpc';

/** The fields of `ctx.user` that go out where an app names none. */
export const PUBLIC = ['id', 'name', 'avatar', 'color'] as const;

/** Those fields of the app's user, as a type. */
export type PublicUser = unknown extends RegisteredUser
	? { readonly [K in (typeof PUBLIC)[number]]?: unknown }
	: Pick<RegisteredUser, Extract<keyof RegisteredUser, (typeof PUBLIC)[number]>>;

/** The named fields of `value`, of those that it has. */
export function pick(value: unknown, fields: readonly string[]): Record<string, unknown> {
	const picked: Record<string, unknown> = {};
	if (typeof value !== 'object' || value === null) return picked;
	for (const field of fields) {
		const own = (value as Record<string, unknown>)[field];
		if (field !== '__proto__' && own !== undefined) picked[field] = own;
	}
	return picked;
}
