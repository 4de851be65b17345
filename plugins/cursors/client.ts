/** The browser's half of cursors: those of the others, and moving the page's own. */

import { localError, toLiveError, type ClientKernel } from '../../kernel/client/index.ts';
import type { LiveError } from '../../kernel/live-error.ts';
import type { FrameOf } from '../../kernel/protocol.ts';
import type { Seed, StreamStore, StreamStub } from 'svelte-realtime/plugins/streams/client';
import type { StreamState } from '../streams/follower.ts';
import type { Handled, StreamHandle } from '../streams/store.ts';
import type { Cursor } from './frames.ts';

/** The cursors of the others, as a stream, and what moves the page's own. */
export interface CursorsStore<Cursors, Input> extends StreamStore<Cursors> {
	/**
	 * Moves the page's own cursor; `null` hides it. It is plain JSON and leaves once for each animation
	 * frame, the newest of it, and again on every new connection. It does nothing while nobody reads
	 * the stream. Why the server did not take it is the store's `error` until the next move.
	 */
	move(data: Input | null): void;
	/** The key of the page's own cursor, which is not among the others; `undefined` until connected. */
	readonly key: string | undefined;
}

/** The stub of a stream of cursors; see StreamStub. */
export type CursorsStub = CursorsStore<unknown, unknown> &
	((...args: unknown[]) => CursorsStore<unknown, unknown>) &
	Pick<StreamStub, 'load'> & {
		/** A store that begins with what the server rendered, and goes on from there. */
		hydrate(seed: Seed): CursorsStore<unknown, unknown>;
	};

/** Milliseconds between two moves where there are no animation frames. */
const FRAME = 16;

type Following = NonNullable<ReturnType<StreamHandle['find']>>;

/** The page's own cursor in one stream. */
interface Own {
	data: unknown;
	/** There is something newer than what was sent. */
	isDue: boolean;
	/** The frame that something was sent in is not over. */
	isWaiting: boolean;
	refused: LiveError | undefined;
}

interface CursorsClient {
	/** Whose cursors are not shown: the page's own, also those of connections that it has lost. */
	readonly keys: ReadonlySet<string>;
	find(follower: Following | undefined): Own | undefined;
	move(follower: Following, data: unknown): void;
}

function setup(kernel: ClientKernel): CursorsClient {
	const all = new Map<Following, Own>();
	const keys = new Set<string>();
	const nextFrame = (task: () => void): void => {
		if (typeof requestAnimationFrame === 'function') requestAnimationFrame(task);
		else kernel.clock.after(FRAME, task);
	};

	/** Sends the newest, unless something was sent in this frame. That nothing is shown does not wait. */
	function flush(follower: Following, own: Own): void {
		if (!own.isDue || !follower.connected || (own.isWaiting && own.data !== null)) return;
		own.isDue = false;
		const { id } = follower;
		const data = own.data ?? undefined;
		const fail = (error: LiveError): void => refuse(follower, own, error);
		kernel.send({ frame: { type: 'cursors:move', id, data }, fail });
		if (own.isWaiting) return;
		own.isWaiting = true;
		nextFrame(() => {
			own.isWaiting = false;
			flush(follower, own);
		});
	}

	function refuse(follower: Following, own: Own, error: LiveError): void {
		own.refused = error;
		follower.notify();
	}

	const know = (key: string | undefined): void => void (key && keys.add(key));
	know(kernel.id());
	kernel.hook('open', ({ connection }) => know(connection));
	kernel.hook(
		'frame',
		(({ id }: FrameOf<'stream:snapshot'>) => {
			for (const [follower, own] of all) {
				if (!follower.isRunning) all.delete(follower);
				else if (follower.id === id) {
					// The server does not know of it: it is another connection, or another stream.
					own.isDue ||= own.data !== null;
					flush(follower, own);
				}
			}
		}) as never,
		'stream:snapshot'
	);
	kernel.hook(
		'frame',
		(({ id, error }: FrameOf<'cursors:refused'>) => {
			for (const [follower, own] of all) {
				if (follower.id === id) refuse(follower, own, toLiveError(error));
			}
		}) as never,
		'cursors:refused'
	);

	return {
		keys,
		find: (follower) => follower && all.get(follower),
		move(follower, data) {
			let own = all.get(follower);
			if (!own) all.set(follower, (own = { ...IDLE }));
			own.data = data ?? null;
			own.isDue = true;
			if (own.refused) {
				own.refused = undefined;
				follower.notify();
			}
			try {
				JSON.stringify(data);
				flush(follower, own);
			} catch {
				refuse(follower, own, localError('PAYLOAD_TOO_LARGE'));
			}
		}
	};
}

const IDLE: Own = { data: null, isDue: false, isWaiting: false, refused: undefined };

/** Makes the stub of cursors out of the one of their stream. */
export function cursorsStub(kernel: ClientKernel, stream: StreamStub): CursorsStub {
	/** The same store for the same stream, for as long as that is one. */
	const dressed = new WeakMap<object, object>();
	const client = (): CursorsClient => kernel.install(setup);

	function dress<T extends object>(target: T, inner: StreamStore<unknown>): T {
		const known = dressed.get(inner);
		if (known) return known as T;
		const handle = (inner as unknown as Handled)['~stream'];
		const others = withoutOwn(client);
		const dress: PropertyDescriptorMap & { '~stream': { value: StreamHandle } } = {
			'~stream': {
				value: {
					...handle,
					state() {
						const state = handle.state();
						const error = client().find(handle.find())?.refused ?? state.error;
						return Object.create(state, {
							value: { value: others(state.value) },
							error: { value: error }
						}) as StreamState;
					}
				}
			},
			move: {
				value(data: unknown) {
					const follower = handle.find();
					if (follower) client().move(follower, data);
				}
			},
			key: { get: () => kernel.id() }
		};
		dressed.set(inner, target);
		Object.setPrototypeOf(target, Object.getPrototypeOf(inner) as object);
		return Object.defineProperties(target, dress);
	}

	const stub = (...args: unknown[]): object =>
		args.length === 0 ? stub : dress({}, stream(...args));
	Object.assign(stub, {
		load: stream.load,
		hydrate: (seed: Seed) => dress({}, stream.hydrate(seed))
	});
	return dress(stub, stream) as never;
}

/** Leaves the page's own cursor out; the same list for the same list. */
function withoutOwn(client: () => CursorsClient): (value: unknown) => unknown {
	let all: unknown;
	let others: unknown;
	return (value) => {
		if (!Array.isArray(value)) return value;
		if (value !== all) {
			all = value;
			const { keys } = client();
			const isOther = ({ key }: Cursor): boolean => !keys.has(key);
			others = (value as Cursor[]).every(isOther) ? value : (value as Cursor[]).filter(isOther);
		}
		return others;
	};
}
