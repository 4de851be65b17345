/** What a function that is handed bytes is in the browser, as types. */

/** What can be uploaded. It must not be changed before the upload is over. */
export type Uploadable = ArrayBuffer | ArrayBufferView | Blob;

/** How far an upload is, in bytes. */
export interface UploadProgress {
	/** What the server has said that it has. It never goes back. */
	readonly sent: number;
	readonly total: number;
}

/** An upload: a promise of what the function returns. */
export interface Upload<Result> extends Promise<Result> {
	/** A Svelte store of how far it is; `current` reacts in runes. */
	readonly progress: {
		readonly current: UploadProgress;
		subscribe(run: (progress: UploadProgress) => void): () => void;
	};
	/**
	 * Gives it up: it is rejected with an AbortError, and what the server has of it is let go of.
	 * Nothing where it is over.
	 */
	cancel(): void;
}

export interface UploadOptions {
	/**
	 * Milliseconds without news from the server: of bytes that it has received, and after the last of
	 * the result. @default the client's `timeout`
	 */
	timeout?: number;
	/** Gives the upload up: it is rejected with the signal's reason. */
	signal?: AbortSignal;
	/** Hears how far it is, at the begin too. */
	onProgress?(progress: UploadProgress): void;
}

/** A function of a server that is handed bytes, in the browser. */
export interface UploadFunction<Args extends readonly unknown[], Result> {
	(data: Uploadable, ...args: Args): Upload<Result>;
	/**
	 * The same function, with options.
	 *
	 * @example await avatar.with({ signal, onProgress: ({ sent, total }) => … })(file, 'me.png')
	 */
	with(options: UploadOptions): (data: Uploadable, ...args: Args) => Upload<Result>;
}
