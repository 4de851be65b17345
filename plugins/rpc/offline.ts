/**
 * Calls that are made without a connection: how many wait, for how long, in which order they go, and
 * whether they outlive the page. Loaded where `configure({ offline })` asks for it.
 */

import { localError, type ClientKernel } from '../../kernel/client/index.ts';
import type { OfflineOptions, QueuedCall } from '../../kernel/client/configure.ts';
import type { Call, RpcClient } from './client.ts';
import { openOfflineStore, type OfflineStore, type StoredCall } from './offline-store.ts';

/** Milliseconds for which every server remembers the calls that outlive it. */
const REMEMBERED = 60 * 60_000;

export interface OfflineQueue {
	/** Begins a call, or keeps it until its turn comes. */
	add(call: Call): void;
}

/** Whose calls they are. */
export interface OfflineHost {
	readonly kernel: ClientKernel;
	readonly client: RpcClient;
}

interface Entry extends QueuedCall {
	readonly call: Call;
	/** What is written about it is in the store. */
	stored: Promise<number | undefined>;
}

export async function offlineQueue(
	{ kernel, client }: OfflineHost,
	options: OfflineOptions
): Promise<OfflineQueue> {
	const { queue = 1000, maxAge = Infinity, replay: order = 'sequential', beforeReplay } = options;
	const entries = new Set<Entry>();
	let isReplaying = false;
	const store = options.persist === undefined ? undefined : await openOfflineStore(options.persist);

	function keep(call: Call, queuedAt: number, key?: number): void {
		const { path, args } = call;
		const stored = key === undefined ? write(call, queuedAt) : Promise.resolve(key);
		const entry: Entry = { call, path, args, queuedAt, stored };
		entries.add(entry);
		call.over = () => {
			entries.delete(entry);
			void stored.then((written) => written !== undefined && store?.remove(written));
		};
		if (entries.size > queue) {
			const [oldest] = entries;
			oldest!.call.fail(localError('QUEUE_FULL'));
		}
	}

	/** Takes the arguments as they are now; writes them down where calls outlive the page. */
	async function write(call: Call, queuedAt: number): Promise<number | undefined> {
		try {
			call.parts = kernel.values.encode(call.args);
			if (store && !call.parts) {
				await kernel.values.load();
				call.parts = kernel.values.encode(call.args);
			}
		} catch {
			// The caller is told when it is sent, in the words of the queue of frames.
			return undefined;
		}
		return store?.write({ path: call.path, parts: call.parts ?? {}, queuedAt });
	}

	/** Whether the call may go: not too old, and wanted by the app. */
	async function isWanted({ call, path, args, queuedAt }: Entry): Promise<boolean> {
		try {
			const isFresh = kernel.clock.now() - queuedAt <= maxAge;
			if (isFresh && (await beforeReplay?.({ path, args, queuedAt })) !== false) return true;
			call.fail(localError('STALE'));
		} catch (cause) {
			call.fail(cause);
		}
		return false;
	}

	async function replayOne(entry: Entry): Promise<void> {
		const { call, path, queuedAt } = entry;
		if (!(await isWanted(entry))) return;
		if (store) {
			// Written before it leaves: a page that is loaded again must not take it for new.
			const key = await entry.stored;
			const id = (call.id ??= kernel.nextId());
			const via = kernel.id();
			if (key !== undefined)
				await store.write({ key, path, parts: call.parts!, queuedAt, id, via });
		}
		if (kernel.status() !== 'open' || !entries.delete(entry)) return;
		call.begin();
		if (order === 'sequential') await call.promise.catch(() => {});
	}

	async function replay(): Promise<void> {
		if (isReplaying) return;
		isReplaying = true;
		for (const entry of entries) {
			if (kernel.status() !== 'open') break;
			await replayOne(entry);
		}
		isReplaying = false;
	}

	async function restore({ session, turn, calls }: OfflineStore): Promise<void> {
		client.adopt(session);
		// No id of an earlier page is used again.
		kernel.nextId(turn * 2 ** 32);
		if (calls.length > 0) kernel.connect();
		for (const stored of calls) {
			const call = client.create(stored.path, await readArgs(stored));
			call.parts = stored.parts;
			// Who made it went with the page before.
			call.promise.catch(() => {});
			keep(call, stored.queuedAt, stored.key);
			if (stored.id === undefined) continue;
			// It was sent, perhaps: it is asked for again, whatever its age.
			for (const entry of entries) if (entry.call === call) entries.delete(entry);
			// Where the page ended before it left, the server can tell by the connection that it never came.
			// What it may have forgotten since, it must not take for that.
			const isRecent = kernel.clock.now() - stored.queuedAt < REMEMBERED;
			const again = (isRecent && stored.via) || '-';
			Object.assign(call, { id: stored.id, again, sent: true });
			call.begin();
		}
	}

	async function readArgs({ parts: { args = '[]', devalue } }: StoredCall): Promise<unknown[]> {
		if (devalue) await kernel.values.load();
		return kernel.values.decode(JSON.parse(args), devalue === 'true') as unknown[];
	}

	if (store) await restore(store);
	kernel.hook('open', () => void replay());
	kernel.hook('close', ({ willRetry }) => {
		if (willRetry) return;
		for (const { call } of [...entries]) call.fail(localError('CONNECTION_CLOSED'));
	});
	if (kernel.status() === 'open') void replay();

	return {
		add(call) {
			if (call.isOver) return;
			if (kernel.status() === 'open' && entries.size === 0) return call.begin();
			keep(call, kernel.clock.now());
			if (kernel.status() === 'open') void replay();
		}
	};
}
