/** Where Prometheus reads the metrics: a path of the server's own, or a port beside it. */

import { timingSafeEqual } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { Clock } from 'svelte-realtime/kernel';
import type { Page } from './port.ts';

export interface PageOptions {
	readonly path: string;
	/** Who does not show it is refused; undefined: everybody may read. */
	readonly token: string | undefined;
	/** Reads the metrics as text. */
	read(): Promise<string>;
	readonly contentType: string;
	report(error: unknown): void;
}

const PLAIN = { 'content-type': 'text/plain; charset=utf-8' };

export function createPage({ path, token, read, contentType, report }: PageOptions): Page {
	const secret = token === undefined ? undefined : Buffer.from(`Bearer ${token}`);

	function mayRead(authorization: string | undefined): boolean {
		if (secret === undefined) return true;
		const shown = Buffer.from(authorization ?? '');
		return shown.length === secret.length && timingSafeEqual(shown, secret);
	}

	return {
		path,
		async answer({ method, authorization }) {
			if (method !== 'GET' && method !== 'HEAD') {
				return new Response('Method Not Allowed\n', { status: 405, headers: PLAIN });
			}
			if (!mayRead(authorization)) {
				const headers = { ...PLAIN, 'www-authenticate': 'Bearer' };
				return new Response('Unauthorized\n', { status: 401, headers });
			}
			try {
				const headers = { 'content-type': contentType, 'cache-control': 'no-store' };
				return new Response(await read(), { headers });
			} catch (error) {
				// A metric of the app's own that fails to be read.
				report(error);
				return new Response('Internal Error\n', { status: 500, headers: PLAIN });
			}
		}
	};
}

export interface ListenOptions {
	readonly page: Page;
	readonly port: number;
	readonly host: string;
	readonly clock: Clock;
	report(error: unknown): void;
}

/** Milliseconds to the next attempt: a server that is replaced holds its port until it has ended. */
const AGAIN = 1000;

/**
 * Serves the page on a port of its own. A port that is taken is reported once, and tried again: no app
 * waits for its metrics.
 *
 * @returns ends it.
 */
export function listen({ page, port, host, clock, report }: ListenOptions): () => void {
	let isReported = false;
	let cancel = (): void => {};
	const server: Server = createServer((request, response) => {
		const [path] = (request.url ?? '').split('?', 1);
		if (path !== page.path) return void response.writeHead(404, PLAIN).end('Not Found\n');
		const { method = 'GET', headers } = request;
		page.answer({ method, authorization: headers.authorization }).then(async (answer) => {
			response.writeHead(answer.status, Object.fromEntries(answer.headers));
			response.end(method === 'HEAD' ? undefined : await answer.text());
		}, report);
	});
	server.on('error', (error) => {
		if (!isReported) report(error);
		isReported = true;
		cancel = clock.after(AGAIN, begin);
	});
	function begin(): void {
		server.listen(port, host);
	}
	begin();
	return () => {
		cancel();
		server.close();
		server.closeAllConnections();
	};
}
