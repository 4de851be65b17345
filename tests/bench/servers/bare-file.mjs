/** uWebSockets.js that answers every request with the bytes of one file, from memory. */

import { readFileSync } from 'node:fs';
import uWS from 'uWebSockets.js';
import { serve } from './commands.mjs';

const bytes = readFileSync(process.argv[2]);
const app = uWS.App();
app.any('/*', (response, request) => {
	request.getUrl();
	response.onAborted(() => {});
	response.cork(() => {
		response
			.writeStatus('200 OK')
			.writeHeader('cache-control', 'no-cache')
			.writeHeader('etag', '"0123456789abcdefghijkl"')
			.writeHeader('content-type', 'text/css; charset=utf-8')
			.writeHeader('accept-ranges', 'bytes')
			.writeHeader('x-content-type-options', 'nosniff')
			.end(bytes);
	});
});
app.listen('127.0.0.1', 0, (socket) => {
	serve({ port: uWS.us_socket_local_port(socket), publish: {} });
});
