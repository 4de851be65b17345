/** Who it is that asks to become a connection, before anything is known of them. */

import { createHash } from 'node:crypto';
import type { UpgradeRequest } from 'svelte-realtime/kernel';

export interface Visitor {
	/** Their network: an address of IPv4, or the 64 leading bits of one of IPv6. */
	readonly network: string;
	/** The network, and what they show to the gates. */
	readonly visitor: string;
}

export function visitorOf({ ip, headers }: UpgradeRequest): Visitor {
	const network = networkOf(ip);
	const { cookie = '', authorization = '', 'sec-websocket-protocol': protocol = '' } = headers;
	const shown = `${cookie}\n${authorization}\n${protocol}`;
	return { network, visitor: `${network} ${createHash('sha256').update(shown).digest('base64')}` };
}

/** One customer has at least 2^64 addresses of IPv6, so that only their common part tells who it is. */
export function networkOf(ip: string): string {
	const mapped = /^(?:0*:)*:?(?:0*:)*ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip);
	if (mapped) return mapped[1]!;
	if (!ip.includes(':')) return ip;
	const [head = '', tail] = ip.toLowerCase().split('::');
	const groups = head === '' ? [] : head.split(':');
	if (tail !== undefined) {
		const rest = tail === '' ? [] : tail.split(':');
		while (groups.length + rest.length < 8) groups.push('0');
		groups.push(...rest);
	}
	const leading = groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ''));
	return `${leading.join(':')}::/64`;
}
