/** Where the servers do not do the same: on purpose, or because uWebSockets.js has no way to. */

export interface Difference {
	readonly why: string;
	/** What SvelteKit's own adapter does. */
	readonly theirs?: unknown;
	/** What happens on uWebSockets.js. */
	readonly uws?: unknown;
}

const DIFFERENCES = {
	'a post to a file': {
		why: 'A file is read with GET and HEAD; any other method may have a route of the app behind it.',
		theirs: 200
	},
	'a prerendered redirect': {
		why: 'A redirect with its status is understood by every client, a page with a script is not.',
		theirs: 200
	},
	'the reason phrase': { why: 'What the app says is sent.', theirs: "HTTP/1.1 418 I'm a Teapot" },
	'a body that was read': {
		why: 'An answer that could not be sent is no success.',
		theirs: 200
	},
	'a post without a type': {
		why: 'A body is a body, whether its sender says what it is or not.',
		theirs: 0
	},
	'a host with a path': { why: 'It is no host.', theirs: 404 },
	'a host with a query': { why: 'It is no host; the URL is then another one.', theirs: 200 },
	'two hosts in one header': { why: 'They are no host.', theirs: 200 },
	'a host beyond ASCII': { why: 'It is no host: names are sent as xn--.', theirs: 200 },
	'the scheme where nobody says it': {
		why: 'What was asked for by HTTP is http; behind TLS, ORIGIN or PROTOCOL_HEADER says so.',
		theirs: 'https://site.test'
	},
	'a bad scheme': { why: 'Nobody serves ftp.', theirs: 200 },
	'an absolute address': {
		why: 'It is meant for proxies. uWebSockets.js waits for more, and ends the idle connection.',
		theirs: 404,
		uws: 'none'
	},
	'the head of a silent stream': {
		why: 'Who waits for the first event is told that it will come. uWebSockets.js can from 20.57 on.',
		theirs: 'held back',
		uws: 'held back'
	},
	TRACE: { why: 'It is understood, and not allowed: Allow says what is.', theirs: 400 },
	'a method that few know': {
		why: 'uWebSockets.js has no routes for it, and closes the connection.',
		uws: 'none'
	},
	'HTTP/1.0': {
		why: 'uWebSockets.js does not speak it, and ends the connection when it is idle.',
		uws: 'none'
	},
	'a header that ends beyond ASCII': {
		why: 'uWebSockets.js takes such bytes at either end of a value for white space.',
		uws: ''
	},
	'handleError throws': {
		why: 'A hook that fails costs its request, not the process.',
		theirs: 'none'
	}
} as const satisfies Record<string, Difference>;

/** What the servers differ in. */
export type Claim = keyof typeof DIFFERENCES;
export const DIFFERS: Record<Claim, Difference> = DIFFERENCES;
