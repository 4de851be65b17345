/** The page that Prometheus reads, as the server that serves it sees it. */

export interface PageRequest {
	readonly method: string;
	readonly authorization: string | undefined;
}

/** A page of the server's own, beside the app's. */
export interface Page {
	readonly path: string;
	/** Answers a request for the path; never rejects. */
	answer(request: PageRequest): Promise<Response>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		/** Provided where the metrics are read at a path of the site. */
		'metrics.page': Page;
	}
}
