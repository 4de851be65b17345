/** What a client can send that is no proper request, byte by byte. */

/** What must come of it. */
export type Outcome =
	/** The connection ends, or says 4xx, and the page is never asked. */
	| 'refused'
	/** The page is asked once, and its answer arrives. */
	| 'answered'
	/** Whether it is refused or answered is the parser's; the page is asked once at the most. */
	| 'either';

export interface HostileCase {
	readonly what: string;
	/** Asks for PATH, where it asks for something that can be asked for. */
	readonly text: string;
	/** Where it is cut in two packets; `bytes`: each byte is one. */
	readonly cut?: number | 'bytes';
	readonly outcome: Outcome;
	/** The body that the page has read, where it is asked. */
	readonly body?: string;
}

/** Stands for a path that each case has to itself. */
export const PATH = '/page';

const HOST = 'Host: example.com\r\n';
const get = (headers: string): string => `GET ${PATH} HTTP/1.1\r\n${headers}\r\n`;
const post = (headers: string, body: string): string =>
	`POST ${PATH} HTTP/1.1\r\n${HOST}${headers}\r\n${body}`;
const chunked = (body: string): string => post('Transfer-Encoding: chunked\r\n', body);
const CHUNKS = '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n';

const refused = (what: string, text: string): HostileCase => ({ what, text, outcome: 'refused' });
const either = (what: string, text: string): HostileCase => ({ what, text, outcome: 'either' });
const answered = (
	what: string,
	body: string,
	text: string,
	cut?: number | 'bytes'
): HostileCase => ({ what, text, outcome: 'answered', body, ...(cut !== undefined && { cut }) });

/** Two lengths that disagree let a proxy and a server see different requests in the same bytes. */
export const AMBIGUOUS: readonly HostileCase[] = [
	refused(
		'a length and chunks',
		post('Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', CHUNKS)
	),
	refused(
		'chunks and a length',
		post('Transfer-Encoding: chunked\r\nContent-Length: 3\r\n', CHUNKS)
	),
	refused('two lengths', post('Content-Length: 3\r\nContent-Length: 5\r\n', 'abcde')),
	refused('two lengths in one header', post('Content-Length: 3, 5\r\n', 'abcde')),
	refused('a negative length', post('Content-Length: -1\r\n', '')),
	refused('a length with a plus', post('Content-Length: +3\r\n', 'abc')),
	refused('a length in hexadecimal', post('Content-Length: 0x3\r\n', 'abc')),
	refused('a length that is no number', post('Content-Length: abc\r\n', 'abc')),
	refused('a length with a fraction', post('Content-Length: 3.0\r\n', 'abc')),
	refused('an empty length', post('Content-Length: \r\n', 'abc')),
	refused('a length beyond every integer', post('Content-Length: 99999999999999999999\r\n', 'abc')),
	refused('an unknown coding', post('Transfer-Encoding: gzip\r\n', 'abc')),
	refused(
		'chunks that are not the last coding',
		post('Transfer-Encoding: chunked, gzip\r\n', CHUNKS)
	),
	refused(
		'chunks twice',
		post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', CHUNKS)
	),
	refused('identity and chunks', post('Transfer-Encoding: identity, chunked\r\n', CHUNKS)),
	refused('a coding that looks like chunks', post('Transfer-Encoding: xchunked\r\n', CHUNKS)),
	refused('a coding with a control character', post('Transfer-Encoding: \x0bchunked\r\n', CHUNKS)),
	refused('a space before the colon', post('Content-Length : 3\r\n', 'abc')),
	refused(
		'a space before the colon of the coding',
		post('Transfer-Encoding : chunked\r\n', CHUNKS)
	),
	refused('a folded coding', post('Transfer-Encoding:\r\n chunked\r\n', CHUNKS)),
	refused('a line feed inside of a header', get(`${HOST}X: a\nTransfer-Encoding: chunked\r\n`)),
	refused('two hosts', get(`${HOST}Host: other.example\r\n`)),
	refused('two hosts in one header', get('Host: example.com, other.example\r\n'))
];

export const CHUNKING: readonly HostileCase[] = [
	answered('chunks', 'abcde', chunked(CHUNKS)),
	answered('chunks, each byte in a packet', 'abcde', chunked(CHUNKS), 'bytes'),
	either('a chunk with an extension', chunked('3;name=value\r\nabc\r\n0\r\n\r\n')),
	answered('a size in capital letters', 'abcdefghijkl', chunked('C\r\nabcdefghijkl\r\n0\r\n\r\n')),
	either('trailers', chunked('3\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n')),
	refused('a size that is no number', chunked('zz\r\nabc\r\n0\r\n\r\n')),
	refused('a size with a sign', chunked('-3\r\nabc\r\n0\r\n\r\n')),
	refused('a size with a prefix', chunked('0x3\r\nabc\r\n0\r\n\r\n')),
	refused('a size beyond every integer', chunked('fffffffffffffffff\r\nabc\r\n0\r\n\r\n')),
	either('an empty size', chunked('\r\nabc\r\n0\r\n\r\n')),
	either('a chunk that is longer than its size', chunked('3\r\nabcdef\r\n0\r\n\r\n')),
	either('a chunk without its end', chunked('3\r\nabcXX0\r\n\r\n')),
	either('line feeds alone, in chunks', chunked('3\nabc\n0\n\n'))
];

export const LINES: readonly HostileCase[] = [
	answered('a request, each byte in a packet', '', get(HOST), 'bytes'),
	answered('a request in two packets, cut in its last line', '', get(HOST), -1),
	answered('a body in the packet of the head', 'abc', post('Content-Length: 3\r\n', 'abc')),
	answered('a body, each byte in a packet', 'abc', post('Content-Length: 3\r\n', 'abc'), 'bytes'),
	either('empty lines before a request', `\r\n\r\n${get(HOST)}`),
	refused('no host', get('')),
	refused('an empty host', get('Host: \r\n')),
	refused('a host with a path', get('Host: example.com/path\r\n')),
	refused('a host with a user', get('Host: user@example.com\r\n')),
	refused('a host with a space', get('Host: example .com\r\n')),
	refused('a host with a port that is none', get('Host: example.com:99999\r\n')),
	refused('an unknown version', 'GET /page HTTP/9.9\r\nHost: a\r\n\r\n'),
	refused('no version', 'GET /page\r\n\r\n'),
	refused('version 2 in the form of 1', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
	refused('the greeting of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'),
	refused('zeros', '\0'.repeat(1000)),
	refused('a method that is none', 'G<T /page HTTP/1.1\r\nHost: a\r\n\r\n'),
	refused('TRACE', `TRACE /page HTTP/1.1\r\n${HOST}\r\n`),
	refused('CONNECT', `CONNECT example.com:80 HTTP/1.1\r\n${HOST}\r\n`),
	refused('a path without its slash', `GET page HTTP/1.1\r\n${HOST}\r\n`),
	refused('a path with a control character', `GET /pa\x01ge HTTP/1.1\r\n${HOST}\r\n`),
	either('two spaces before the path', `GET  /page HTTP/1.1\r\n${HOST}\r\n`),
	refused('a header without a colon', get(`${HOST}Nonsense\r\n`)),
	// uWebSockets.js takes it for the end of the headers.
	either('a header without a name', get(`${HOST}: value\r\n`)),
	refused('a name with a space', get(`${HOST}X Y: 1\r\n`)),
	refused('a name with a control character', get(`${HOST}X\x01: 1\r\n`)),
	refused('a value with a zero', get(`${HOST}X: a\0b\r\n`)),
	refused('a value with a carriage return', get(`${HOST}X: a\rb\r\n`)),
	refused('a folded header', get(`${HOST}X: a\r\n b\r\n`)),
	refused('line feeds alone', `GET /page HTTP/1.1\nHost: example.com\n\n`),
	answered('a name of a prototype', '', get(`${HOST}constructor: x\r\n`)),
	either('a name with an underscore', get(`${HOST}__proto__: x\r\n`)),
	either('a header of 10 kB', get(`${HOST}X: ${'a'.repeat(10_000)}\r\n`)),
	refused('a header of 1 MB', get(`${HOST}X: ${'a'.repeat(1_000_000)}\r\n`)),
	refused('a path of 1 MB', `GET /${'a'.repeat(1_000_000)} HTTP/1.1\r\n${HOST}\r\n`),
	refused('10,000 headers', get(HOST + 'X: 1\r\n'.repeat(10_000))),
	answered('an upgrade to nothing known', '', get(`${HOST}Connection: Upgrade\r\nUpgrade: h2c\r\n`))
];
