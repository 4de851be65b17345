/** One spelling for the address of a peer, whichever server reports it. */

/**
 * `::1` for `0000:…:0001`, and the IPv4 address itself where it comes wrapped in an IPv6 one.
 *
 * uWebSockets.js writes all eight groups, Node writes `::ffff:127.0.0.1`; whoever compares or
 * counts addresses must not see two visitors in one.
 */
export function peerAddress(text: string): string {
	if (!text.includes(':')) return text;
	const mapped = /^(?:::|(?:0+:){5})ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text);
	if (mapped) return mapped[1]!;
	const url = `http://[${text}]`;
	if (!URL.canParse(url)) return text;
	const short = new URL(url).hostname.slice(1, -1);
	const groups = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short);
	if (!groups) return short;
	const [high, low] = [parseInt(groups[1]!, 16), parseInt(groups[2]!, 16)];
	return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}
