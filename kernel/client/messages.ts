/** The developer's errors of the browser, apart from the big table, which a page must not load. */

export const CLIENT_MESSAGES = {
	RT_STUB_BROWSER_LOAD:
		'"%s".load() was called in the browser. Call it in a server `load` function, and `hydrate()` its result in the page.',
	RT_CLIENT_WEBSOCKET:
		'This runtime has no WebSocket. Pass one: configure({ WebSocket }) with the constructor of the `ws` package.',
	RT_CLIENT_URL:
		'The client does not know where to connect. Outside a page call configure({ url }) first.'
} as const;

export type ClientErrorCode = keyof typeof CLIENT_MESSAGES;

/** Makes what `new RealtimeError(code)` is on the server: the same name, code and sentence. */
export function clientError(code: ClientErrorCode, about: string = ''): Error & { code: string } {
	const error = new Error(`[${code}] ${CLIENT_MESSAGES[code].replace('%s', about)}`);
	return Object.assign(error, { name: 'RealtimeError', code });
}
