/** What an app imports of this package in its live modules. */

import { PACKAGE, PIPE } from './kinds.ts';

/** What live exports are made with. */
export const OWN: readonly string[] = ['live', 'pipe'];

export function isOurs(source: string): boolean {
	return source === PACKAGE || source.startsWith(`${PACKAGE}/`);
}

/** What stands after `live.`; for `pipe`, PIPE and what stands after that. */
export function called([own, ...members]: readonly string[]): string | undefined {
	if (own === 'live') return members.join('.');
	return own === 'pipe' ? [PIPE, ...members].join('.') : undefined;
}
