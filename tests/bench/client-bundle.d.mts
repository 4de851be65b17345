export interface ClientWeight {
	/** Bytes after gzip that the page loads at once. */
	readonly page: number;
	/** Bytes after gzip with what is fetched for values beyond JSON. */
	readonly all: number;
	/** Every module that is in them. */
	readonly modules: readonly string[];
}

export function weighClient(options?: { conditions?: readonly string[] }): Promise<ClientWeight>;
