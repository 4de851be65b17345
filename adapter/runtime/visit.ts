/** A request of our own through the app's `handle`, for what runs where a page would be rendered. */

import type { UpgradeRequest } from '../../kernel/contexts.ts';
import type { RequestEvent } from '../../kernel/request-event.ts';
import { readToken } from '../../kernel/token.ts';
import type { MaybePromise } from '../../kernel/transport.ts';
import type { HandleInput, RequestSlot, ServerHooks } from '../hooks.ts';
import { collectCookies } from './cookies.ts';

/** SvelteKit's answer, as far as it is looked at. */
export interface Answered {
	readonly status: number;
	readonly headers: Headers;
}

/** Has SvelteKit answer a request that belongs to `slot`. */
export type Respond = (request: Request, slot: RequestSlot, ip: string) => Promise<Answered>;

/** What runs where a page would be rendered; `hooks` are the app's own. */
export type Work<R> = (event: RequestEvent, hooks: ServerHooks) => MaybePromise<R>;

export interface Visited<R> {
	/** Undefined where `handle` has answered by itself, or SvelteKit before it. */
	readonly arrived: { readonly result: R } | undefined;
	readonly answer: Answered;
	/** What was set while it ran, as values of `set-cookie` headers. */
	readonly setCookies: readonly string[];
}

export interface VisitOptions {
	readonly method: 'GET' | 'POST';
	/** Whether the work runs in front of the app's `handle`, not behind it. @default false */
	readonly isBare?: boolean;
}

/** Of the one connection between two parties, of WebSockets, and of a body. */
const OMITTED =
	/^(?:connection|upgrade|keep-alive|te|trailer|transfer-encoding|expect|content-(?:length|type|encoding)|sec-websocket-.*|proxy-.*|x-realtime-ask|x-svelte-realtime-.*|:.*)$/;

/**
 * Sends a request through the app's `handle`.
 *
 * @throws what `work` throws.
 */
export async function visit<R>(
	respond: Respond,
	request: UpgradeRequest,
	{ method, isBare = false }: VisitOptions,
	work: Work<R>
): Promise<Visited<R>> {
	let outcome: { readonly result: R } | { readonly error: unknown } | undefined;
	let isTaken = false;
	let cookies: readonly string[] = [];

	const slot: RequestSlot = {
		async answer({ event, resolve }, hooks) {
			// What the app asks of itself meanwhile is a request like any other.
			if (isTaken) return hooks.handle({ event, resolve });
			isTaken = true;
			const jar = collectCookies(event as unknown as RequestEvent);
			const arrive: HandleInput['resolve'] = async (arrived) => {
				outcome ??= await settle(() => work(arrived as unknown as RequestEvent, hooks));
				return new Response(null, { status: 204 });
			};
			try {
				return await (isBare ? arrive(event) : hooks.handle({ event, resolve: arrive }));
			} finally {
				cookies = jar();
			}
		}
	};

	const ask = (url: string): Promise<Answered> =>
		respond(requestOf(request, url, method), slot, request.ip);
	let answer = await ask(request.url);
	if (!isTaken && answer.headers.has('x-sveltekit-normalize')) {
		// A route for every path, whose pages have a slash at the end, has the socket's path as well.
		answer = await ask(answer.headers.get('location')!);
	}
	if (outcome === undefined) return { arrived: undefined, answer, setCookies: cookies };
	const ended = outcome as Exclude<typeof outcome, undefined>;
	if ('error' in ended) throw ended.error;
	return { arrived: ended, answer, setCookies: cookies };
}

/** What the work throws is its caller's; `handle` must not take it for a page that failed. */
async function settle<R>(
	work: () => MaybePromise<R>
): Promise<{ readonly result: R } | { readonly error: unknown }> {
	try {
		return { result: await work() };
	} catch (error) {
		return { error };
	}
}

/** @throws {TypeError} for a URL that is none. */
function requestOf({ headers, origin }: UpgradeRequest, url: string, method: string): Request {
	const kept = new Headers();
	for (const [name, value] of Object.entries(headers)) {
		if (!OMITTED.test(name)) kept.set(name, value);
	}
	// A browser cannot put it there itself.
	const token = readToken(headers['sec-websocket-protocol']);
	if (token !== undefined && /^[!-~]+$/.test(token) && !kept.has('authorization'))
		kept.set('authorization', `Bearer ${token}`);
	if (method !== 'GET') {
		// It is the server's own, and must not be taken for a form of another site.
		kept.set('origin', origin!);
		kept.set('content-type', 'application/json');
	}
	return new Request(new URL(url, origin), { method, headers: kept });
}
