/** The event of a request, as SvelteKit hands it to `handle`: the part that the kernel speaks of. */

/** SvelteKit's own `RequestEvent` is one. */
export interface RequestEvent {
	readonly request: Request;
	readonly url: URL;
	/** What the app's `handle` has left. */
	readonly locals: App.Locals;
	readonly cookies: {
		get(name: string): string | undefined;
		getAll(): { name: string; value: string }[];
	};
	readonly fetch: typeof fetch;
	getClientAddress(): string;
}

declare global {
	namespace App {
		interface Locals {}
	}
}
