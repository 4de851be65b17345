/** As much of IndexedDB and of Web Locks as the offline queue uses, in memory, with pages that end. */

interface Store {
	readonly rows: Map<number, unknown>;
	last: number;
}

export interface MemoryDatabases {
	open(name: string): object;
	/** The page is gone: nothing that it writes from here on is kept. */
	crash(): void;
	/** What the next page finds. */
	reopened(): MemoryDatabases;
}

export function memoryDatabases(stores: Map<string, Store> = new Map()): MemoryDatabases {
	let isOver = false;

	/** A request that is answered in a later task, as all of them are. */
	function request<T>(work: () => T): object {
		const made: { result?: T; onsuccess?: () => void } = {};
		setImmediate(() => {
			if (isOver) return;
			made.result = work();
			made.onsuccess?.();
		});
		return made;
	}

	const objectStore = ({ rows }: Store, store: Store): object => ({
		get: (key: number) => request(() => structuredClone(rows.get(key))),
		getAll: () => request(() => structuredClone([...rows.values()])),
		delete: (key: number) => request(() => void rows.delete(key)),
		put(value: { key?: number }, at?: number) {
			const row = structuredClone(value);
			return request(() => {
				const key = at ?? (row.key ??= store.last += 1);
				rows.set(key, row);
				return key;
			});
		}
	});

	return {
		open() {
			const made: Record<string, unknown> & {
				onupgradeneeded?: () => void;
				onsuccess?: () => void;
			} = {};
			made['result'] = {
				createObjectStore: (name: string) => stores.set(name, { rows: new Map(), last: 0 }),
				transaction: (name: string) => ({
					objectStore: () => objectStore(stores.get(name)!, stores.get(name)!)
				})
			};
			setImmediate(() => {
				if (stores.size === 0) made.onupgradeneeded?.();
				made.onsuccess?.();
			});
			return made;
		},
		crash() {
			isOver = true;
		},
		reopened: () => memoryDatabases(stores)
	};
}

export interface MemoryLocks {
	request(
		name: string,
		options: { readonly ifAvailable: true },
		hold: (lock: object | null) => Promise<void> | undefined
	): Promise<void>;
	/** The page is gone, and its locks with it. */
	release(): void;
}

export function webLocks(): MemoryLocks {
	const held = new Set<string>();
	return {
		async request(name, _options, hold) {
			await Promise.resolve();
			const isFree = !held.has(name);
			held.add(name);
			void hold(isFree ? {} : null);
		},
		release: () => held.clear()
	};
}
