/** The developer's errors of the browser, apart from the big table, which a page must not load. */

export const CLIENT_MESSAGES = {
	RT_STUB_BROWSER_LOAD: 'load() on the server, and hydrate() the result here: ',
	RT_CLIENT_WEBSOCKET: 'Missing: configure({ WebSocket }).',
	RT_CLIENT_URL: 'Missing: configure({ url }).'
} as const;

export type ClientErrorCode = keyof typeof CLIENT_MESSAGES;

/** Makes what `new RealtimeError(code)` is on the server: the same name, code and sentence. */
export function clientError(code: ClientErrorCode, about: string = ''): Error & { code: string } {
	const error = new Error(`[${code}] ${CLIENT_MESSAGES[code]}${about}`);
	return Object.assign(error, { name: 'RealtimeError', code });
}
