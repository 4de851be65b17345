/** The app's own hooks, around requests of a test: what SvelteKit does with them, as far as it matters. */

import { parse, serialize } from 'cookie';
import type { HandleInput, HookEvent, ServerHooks } from '../adapter/hooks.ts';
import type { KitServing } from '../adapter/runtime/kit-serving.ts';
import type { RequestEvent } from '../kernel/request-event.ts';

/** What an app exports from its src/hooks.server, as SvelteKit types it. */
export interface AppHooks {
	readonly handle?: ((input: never) => Response | Promise<Response>) | undefined;
	readonly handleError?: ((input: never) => unknown) | undefined;
}

/** SvelteKit's tests for its errors, where it is installed. */
export async function kitErrorTests(): Promise<object> {
	try {
		const { isHttpError, isRedirect } = await import('@sveltejs/kit');
		return { errors: { isHttpError, isRedirect } };
	} catch {
		// An app without SvelteKit throws none of its errors.
		return {};
	}
}

/** Answers the server's own requests through the app's hooks. */
export function kitOf(given: AppHooks, origin: string): KitServing {
	const hooks = given as ServerHooks;
	const handle = hooks.handle ?? (({ event, resolve }: HandleInput) => resolve(event));
	return {
		path: '/ws',
		origin,
		respond: (request, slot, ip) => {
			const event = eventOf(request, ip) as unknown as HookEvent;
			const resolve = (): Response => new Response(null, { status: 404 });
			return slot.answer({ event, resolve }, { ...hooks, handle });
		}
	};
}

/** The event that SvelteKit would make of a request to a path that is no route of the app. */
function eventOf(request: Request, ip: string): RequestEvent & HookEvent {
	const jar = new Map(Object.entries(parse(request.headers.get('cookie') ?? '')));
	return {
		request,
		url: new URL(request.url),
		locals: {} as App.Locals,
		params: {},
		route: { id: null },
		platform: {},
		isDataRequest: false,
		isRemoteRequest: false,
		isSubRequest: false,
		cookies: {
			get: (name: string) => jar.get(name),
			getAll: () => [...jar].map(([name, value = '']) => ({ name, value })),
			set: (name: string, value: string) => void jar.set(name, value),
			delete: (name: string) => void jar.delete(name),
			serialize
		},
		fetch: globalThis.fetch,
		setHeaders: () => {},
		getClientAddress: () => ip
	} as RequestEvent & HookEvent;
}
