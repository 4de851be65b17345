/** What happens to a request, the same on both fronts: a file, a probe, or a page by SvelteKit. */

import { beginTogether } from '../together.ts';
import { limitBody } from './body.ts';
import { compressionOf } from './compress.ts';
import { sendResponse } from './deliver.ts';
import type { Environment } from './env.ts';
import type { Page } from '../../plugins/metrics/index.ts';
import type { Incoming, Reply } from './front.ts';
import { head, sendText } from './head.ts';
import { pageRequest } from './leave-signal.ts';
import { probe, type Backend } from './probe.ts';
import { sendFile } from './send-file.ts';
import type { RenderPage } from './shared-render.ts';
import { shareRenders } from './sharing.ts';
import type { StaticFiles } from './static.ts';
import type {} from '../platform.ts';

/** The part of SvelteKit's `Server` that is used; the same in version 2 and 3. */
export interface KitServer {
	init(options: { env: Record<string, string>; read(file: string): ReadableStream }): Promise<void>;
	respond(
		request: Request,
		options: { platform: App.Platform | undefined; getClientAddress(): string }
	): Promise<Response>;
}

export interface SiteOptions {
	readonly server: Pick<KitServer, 'respond'>;
	readonly environment: Environment;
	readonly files?: StaticFiles | undefined;
	/** Becomes `event.platform`. */
	readonly platform?: App.Platform | undefined;
	/** A page of the server's own, beside the app's: asked for each request, as it may come and go. */
	readonly own?: (() => Page | undefined) | undefined;
	/** How the backends stand, for the body of `/readyz`. */
	readonly backends?: (() => readonly Backend[]) | undefined;
	/** What went wrong while a request was answered. @default console.error */
	readonly report?: (error: unknown) => void;
}

export interface Site {
	/** Answers; never throws, and nothing that it starts rejects unheard. */
	handle(incoming: Incoming, reply: Reply): void;
	/** From now on `/readyz` says 503. */
	drain(): void;
	readonly isDraining: boolean;
	/** Settles when no request is being answered. */
	idle(): Promise<void>;
	/** Cuts every request that is still being answered. */
	abort(): void;
}

export function createSite(options: SiteOptions): Site {
	const { files, environment } = options;
	const report = options.report ?? ((error) => console.error(error));
	const active = new Set<Reply>();
	const { add: together } = beginTogether(PAGES);
	let waiting: (() => void)[] = [];
	let isDraining = false;

	const finish = (reply: Reply): void => {
		active.delete(reply);
		if (active.size > 0) return;
		for (const resolve of waiting) resolve();
		waiting = [];
	};

	/** Holds a request in the count of those that run, until it is answered or its client has left. */
	const run = (
		incoming: Incoming,
		reply: Reply,
		work: () => Promise<void>,
		begin: (start: () => void) => void = atOnce
	): void => {
		active.add(reply);
		reply.onClosed(() => finish(reply));
		const fail = (error: unknown): void => {
			report(error);
			try {
				sendText(reply, incoming.method, 500);
			} catch (refusal) {
				// A reply that refuses even this answer has lost its connection.
				report(refusal);
				reply.abort();
			}
			finish(reply);
		};
		begin(() => {
			if (reply.isClosed) return;
			try {
				work().then(() => finish(reply), fail);
			} catch (error) {
				fail(error);
			}
		});
	};

	const file = (incoming: Incoming, reply: Reply): boolean => {
		if (!isRead(incoming)) return false;
		const found = files?.find(incoming.url);
		if (!files || !found) return false;
		if ('location' in found) {
			reply.send(head(found.status, [['location', found.location]]), '');
			return true;
		}
		const answer = files.answer(found, incoming);
		if (!(answer instanceof Promise) && !answer.source) {
			reply.send(answer.head, answer.body, { length: answer.length });
		} else {
			run(incoming, reply, async () => sendFile(reply, await answer));
		}
		return true;
	};

	const page: RenderPage = async (incoming, reply, watch) => {
		const question = requestOf(incoming, reply, environment);
		if (typeof question === 'number') return refuse(incoming, reply, question);
		const { headers, socketAddress } = incoming;
		watch?.headers(question.request.headers, headers);
		const response = await options.server.respond(question.request, {
			platform: options.platform,
			getClientAddress: () => {
				watch?.address();
				return environment.clientAddress(headers, socketAddress);
			}
		});
		if (question.isExceeded()) {
			response.body?.cancel().catch(() => {});
			return refuse(incoming, reply, 413);
		}
		const { method } = incoming;
		const compression = environment.compresses
			? compressionOf({ method, headers }, response)
			: undefined;
		const sending = sendResponse(reply, method, response, compression);
		if (sending) await sending;
	};

	const sharing = environment.sharesRenders
		? shareRenders({ page, environment, begin: together, report })
		: undefined;

	const ownPage = (incoming: Incoming, reply: Reply): boolean => {
		const own = options.own?.();
		if (own === undefined || incoming.path !== own.path) return false;
		const { method, headers } = incoming;
		run(incoming, reply, async () => {
			const { authorization } = headers;
			await sendResponse(reply, method, await own.answer({ method, authorization }));
		});
		return true;
	};

	return {
		handle(incoming, reply) {
			try {
				if (incoming.isUnclear) return refuse(incoming, reply, 400);
				if (probe(incoming, reply, isDraining, options.backends)) return;
				if (ownPage(incoming, reply)) return;
				if (file(incoming, reply)) return;
				const shared = sharing?.(incoming);
				if (shared) return run(incoming, reply, () => shared.join(incoming, reply));
				// A body flows only for those who are there when it begins to.
				const begin = isRead(incoming) ? together : atOnce;
				run(incoming, reply, () => page(incoming, reply), begin);
			} catch (error) {
				report(error);
				reply.abort();
			}
		},
		drain() {
			isDraining = true;
		},
		get isDraining() {
			return isDraining;
		},
		idle: () =>
			active.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve)),
		abort() {
			for (const reply of active) reply.abort();
		}
	};
}

function refuse({ method, headers }: Incoming, reply: Reply, status: number): void {
	if (status !== 413) return sendText(reply, method, status);
	const answer = head(413, [['content-type', 'text/plain; charset=utf-8']]);
	reply.refuse(answer, 'Content Too Large\n', Number(headers['content-length'] ?? Infinity));
}

/** Pages that begin together. */
const PAGES = 16;

const atOnce = (start: () => void): void => start();

/** Whether its method has no use for a body. */
function isRead({ method }: Incoming): boolean {
	return method === 'GET' || method === 'HEAD';
}

/** What stands in a request line; anything else is sent with % (RFC 3986). */
const PATH = /^\/[\x21-\x7e]*$/;

interface Question {
	readonly request: Request;
	isExceeded(): boolean;
}

/** The web Request, or the status with which it is refused. */
function requestOf(incoming: Incoming, reply: Reply, environment: Environment): Question | number {
	const { method, url, headers } = incoming;
	const origin = environment.origin(headers);
	if (origin === undefined || !PATH.test(url)) return 400;
	if (method === 'TRACE' || method === 'CONNECT' || method === 'TRACK') return 405;
	const hasBody =
		!isRead(incoming) &&
		((headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined);
	if (hasBody && Number(headers['content-length']) > environment.bodyLimit) return 413;
	const body = hasBody ? limitBody(incoming.body(), environment.bodyLimit) : undefined;
	try {
		const sent = body && ({ body: body.stream, duplex: 'half' } as RequestInit);
		const request = pageRequest(origin + url, { method, headers, ...sent }, reply);
		return { request, isExceeded: () => body?.isExceeded ?? false };
	} catch {
		// A method, path or header that no Request can be made of.
		return 400;
	}
}
