/** The calls of a page that waits for a connection, in IndexedDB, for the page that comes after it. */

export interface StoredCall {
	readonly key: number;
	readonly path: string;
	/** The arguments as fields of a frame. */
	readonly parts: Readonly<Record<string, string>>;
	/** Milliseconds since the Unix epoch. */
	readonly queuedAt: number;
	/** Under which it was sent, or was about to be. */
	readonly id?: number;
	/** The connection on which it was sent first, or was about to be. */
	readonly via?: string | undefined;
}

export interface OfflineStore {
	readonly session: string;
	/** Pages that have had the store before, and this one. */
	readonly turn: number;
	/** What the page before has left, in its order. */
	readonly calls: readonly StoredCall[];
	/** Writes a call down, or what has changed about it. @returns its key; `undefined` when that failed */
	write(call: Omit<StoredCall, 'key'> & { key?: number }): Promise<number | undefined>;
	remove(key: number): Promise<unknown>;
}

interface Origin {
	readonly session: string;
	readonly turn: number;
}

/**
 * Opens the store, which one page has at a time.
 *
 * @returns `undefined` where another page has it, or the runtime has no IndexedDB or no Web Locks
 * (a page that was not loaded securely): the calls then wait in memory.
 */
export async function openOfflineStore(name: string): Promise<OfflineStore | undefined> {
	try {
		if (!(await isOurs(name))) return undefined;
		const database = await open(name);
		const run = <T>(store: 'calls' | 'origin', work: (on: IDBObjectStore) => IDBRequest<T>) =>
			settled(work(database.transaction(store, 'readwrite').objectStore(store)));

		const origin = (await run<Origin | undefined>('origin', (on) => on.get(0))) ?? {
			session: crypto.getRandomValues(new Uint32Array(4)).join('-'),
			turn: 0
		};
		const { session } = origin;
		const turn = origin.turn + 1;
		await run('origin', (on) => on.put({ session, turn } satisfies Origin, 0));
		return {
			session,
			turn,
			calls: await run<StoredCall[]>('calls', (on) => on.getAll()),
			write: (call) => run('calls', (on) => on.put(call)).then(Number, () => undefined),
			remove: (key) => run('calls', (on) => on.delete(key)).catch(() => undefined)
		};
	} catch {
		// Private windows and full disks: what cannot be kept waits in memory like any other call.
		return undefined;
	}
}

/** Takes the lock of this store, until the page ends. */
function isOurs(name: string): Promise<boolean> {
	return new Promise((resolve, reject) => {
		const hold = (lock: unknown): Promise<void> | undefined => {
			resolve(lock !== null);
			return lock === null ? undefined : new Promise(() => {});
		};
		navigator.locks
			.request(`svelte-realtime:${name}`, { ifAvailable: true }, hold)
			.catch((error: unknown) => reject(error as Error));
	});
}

function open(name: string): Promise<IDBDatabase> {
	const request = indexedDB.open(`svelte-realtime:${name}`, 1);
	request.onupgradeneeded = () => {
		request.result.createObjectStore('calls', { keyPath: 'key', autoIncrement: true });
		request.result.createObjectStore('origin');
	};
	return settled(request);
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
	return new Promise((resolve, reject) => {
		request.onsuccess = () => resolve(request.result);
		request.onerror = () => reject(request.error!);
	});
}
