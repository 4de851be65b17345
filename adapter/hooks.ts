/**
 * Around the app's `handle`: where a request of our own stops before it becomes a page.
 *
 * The Vite plugin puts it into the module from which SvelteKit takes the app's hooks, so that no line
 * in the app's code has to.
 */

/** The key under which production hands a request of our own its slot, on `platform`. */
const SLOT: symbol = Symbol.for('svelte-realtime.request');
/** The requests that a dev or preview server sends itself, by their one-time names. */
const EXPECTED: unique symbol = Symbol.for('svelte-realtime.expected-requests') as never;
/** The header that carries such a name. In production nobody reads it. */
export const NAME_HEADER = 'x-svelte-realtime-request';

/** SvelteKit's event, as far as it is known here. */
export interface HookEvent {
	readonly request: Request;
	readonly platform?: unknown;
	readonly isSubRequest: boolean;
}

export interface HandleInput {
	readonly event: HookEvent;
	resolve(event: HookEvent, options?: unknown): Response | Promise<Response>;
}

export type Handle = (input: HandleInput) => Response | Promise<Response>;

/** What the app exports from its hooks, as far as it matters here. */
export interface ServerHooks {
	readonly handle?: Handle | undefined;
	readonly handleError?: ((input: never) => unknown) | undefined;
}

/** What waits for a request of our own to arrive. */
export interface RequestSlot {
	/** Answers the request, with the app's own hooks at hand. */
	answer(input: HandleInput, hooks: ServerHooks & { readonly handle: Handle }): Promise<Response>;
}

/** The app's hooks, with a `handle` that lets requests of our own stop at their slot. */
export function wrapHooks<Hooks extends ServerHooks>(hooks: Hooks): Hooks {
	const handle: Handle = hooks.handle ?? (({ event, resolve }) => resolve(event));
	const own = { ...hooks, handle };
	return {
		...hooks,
		handle(input: HandleInput) {
			const slot = slotOf(input.event);
			return slot ? slot.answer(input, own) : handle(input);
		}
	};
}

/** Puts a slot on the platform of one request. */
export function platformWith(platform: object | undefined, slot: RequestSlot): object {
	return Object.defineProperty({ ...platform }, SLOT, { value: slot });
}

/**
 * Expects one request under a name that only this process knows.
 *
 * @returns what ends that.
 */
export function expectRequest(name: string, slot: RequestSlot): () => void {
	const expected = (registry[EXPECTED] ??= new Map());
	expected.set(name, slot);
	return () => void expected.delete(name);
}

const registry = globalThis as { [EXPECTED]?: Map<string, RequestSlot> };

function slotOf({ request, platform, isSubRequest }: HookEvent): RequestSlot | undefined {
	// What the app asks of itself while it answers has the same platform.
	if (isSubRequest) return undefined;
	const given = (platform as Record<symbol, RequestSlot> | undefined)?.[SLOT];
	if (given) return given;
	const expected = registry[EXPECTED];
	if (expected === undefined) return undefined;
	const name = request.headers.get(NAME_HEADER);
	if (name === null) return undefined;
	const slot = expected.get(name);
	expected.delete(name);
	request.headers.delete(NAME_HEADER);
	return slot;
}
