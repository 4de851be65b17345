/** Which pages may open a connection. */

import type { UpgradeRequest } from './contexts.ts';

/**
 * `same-origin`: pages of this server; a list: those origins and this server's own; `*`: any page.
 * Programs that are no browser send no Origin header and are not held up by it.
 */
export type Origins = 'same-origin' | '*' | readonly string[];

/** Whether the request's Origin header is allowed; browsers always send one on an upgrade. */
export function isAllowedOrigin(request: UpgradeRequest, origins: Origins): boolean {
	const header = request.headers['origin'];
	if (origins === '*' || header === undefined) return true;
	const origin = parse(header);
	if (origin === undefined) return false;
	if (origin === parse(request.origin)) return true;
	return origins !== 'same-origin' && origins.some((allowed) => parse(allowed) === origin);
}

function parse(origin: string | undefined): string | undefined {
	if (origin === undefined || !URL.canParse(origin)) return undefined;
	const parsed = new URL(origin).origin;
	return parsed === 'null' ? undefined : parsed;
}
