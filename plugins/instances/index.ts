/** Instances: which processes serve the app, which have gone, and how one asks another. */

import { definePlugin, isLiveError, type MaybePromise, type Plugin } from 'svelte-realtime/kernel';
import { checkTime } from '../checks.ts';
import { createAsking, type Answerer } from './asking.ts';
import type { InstancesLink } from './port.ts';

export type { Answerer } from './asking.ts';
export type { Beat, InstancesLink } from './port.ts';

export interface InstancesOptions {
	/** Milliseconds between two renewals of the lease of this instance. @default 5000 */
	heartbeat?: number;
	/** Milliseconds after which an instance that renews nothing is taken for gone. @default 15000 */
	ttl?: number;
}

/** Hears that an instance has gone, and takes away what it has left behind. */
export type GoneListener = (instance: string) => MaybePromise<void>;

/**
 * The instances of one app, as each of them sees the others. An instance lives for as long as it
 * renews its lease, by the time of the store that keeps it.
 */
export interface Instances {
	/** Names this instance: `kernel.instanceId`. */
	readonly id: string;
	/** Those whose lease runs, this one included. */
	alive(): MaybePromise<readonly string[]>;
	/**
	 * Tells of an instance that has gone, whether it left or its lease ended, on one of those that live;
	 * again where that fails or ends itself, so that what is done must be fit to be done twice. An
	 * instance that was taken for gone may hear of itself. The result ends it.
	 */
	onGone(listener: GoneListener): () => void;
	/**
	 * Tells that the lease of this instance had ended though it runs, as after a stop of its machine, or
	 * the loss of the store: what it had put there is gone, and is to be put again. The result ends it.
	 */
	onLost(listener: () => void): () => void;
	/**
	 * Asks one instance something, which may be this one.
	 *
	 * @param kind Which of its answerers is meant; the plugin's name is a good one.
	 * @param question What JSON can write.
	 * @returns the answer, as JSON has left it.
	 * @throws {LiveError} NOT_FOUND where the instance has gone, or answers nothing of the kind; TIMEOUT
	 * after 5 s; SERVICE_UNAVAILABLE where there is no way to it now; what its answerer throws.
	 */
	ask(instance: string, kind: string, question: unknown): Promise<unknown>;
	/** Answers what others ask of this kind; the result ends it. */
	answer(kind: string, answerer: Answerer): () => void;
	/**
	 * Answers what others ask an instance that ends, beside it and from when it resolves on, wherever
	 * that has gone; it is not `alive` by that. One kind of question alone of each instance. The result
	 * of it ends it.
	 *
	 * @throws {LiveError} SERVICE_UNAVAILABLE where that cannot be.
	 */
	standIn(instance: string, kind: string, answerer: Answerer): Promise<() => void>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		instances: Instances;
	}
}

/** Milliseconds to the next beat while what this instance has left behind is being taken away. */
const SOON = 250;

/**
 * Knows the instances of the app: this one alone, or those that `instances.link` leads to where a
 * plugin provides it.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID
 */
export function instances(options: InstancesOptions = {}): Plugin<never, 'instances'> {
	const { heartbeat = 5000, ttl = 15_000 } = options;
	checkTime('heartbeat', 'instances()', heartbeat, 1);
	checkTime('ttl', 'instances()', ttl, 1);

	return definePlugin({
		name: 'instances',
		optional: ['instances.link'],
		provides: ['instances'],
		async setup(kernel) {
			const { clock, report, instanceId: id } = kernel;
			const link: InstancesLink = kernel.find('instances.link') ?? alone(id);
			const gone = new Set<GoneListener>();
			const lost = new Set<() => void>();
			/** Claimed, and being cleared up after. */
			const clearing = new Set<string>();
			let hasLease = false;
			let isEnded = false;

			async function clear(instance: string): Promise<void> {
				if (clearing.has(instance)) return;
				clearing.add(instance);
				try {
					// One that fails leaves it claimed, so that all of it is done again when the claim ends.
					await Promise.all([...gone].map(async (listener) => listener(instance)));
					await link.cleared(instance);
				} finally {
					clearing.delete(instance);
				}
			}

			async function beat(): Promise<void> {
				const { lease, gone: claimed } = await link.beat(ttl);
				if (isEnded) return;
				if (lease === 'begun' && hasLease) for (const tell of lost) tell();
				if (lease === 'over') clock.after(SOON, turn);
				else hasLease = true;
				await Promise.all(claimed.map(clear));
			}

			function turn(): void {
				if (!isEnded) void attempt(beat);
			}

			/** What the outage of a store means is said by who connects to it. */
			async function attempt(work: () => MaybePromise<void>): Promise<void> {
				try {
					await work();
				} catch (error) {
					if (!isLiveError(error)) report(error);
				}
			}

			const asking = createAsking({
				id,
				clock,
				report,
				send: (instance, message) => link.send(instance, message),
				isAlive: async (instance) => (await link.alive()).includes(instance)
			});
			link.receive(asking.receive);

			kernel.hook('ready', turn);
			clock.every(heartbeat, turn);
			kernel.hook('shutdown', () => {
				isEnded = true;
				return attempt(() => link.leave());
			});

			kernel.provide('instances', {
				id,
				alive: () => link.alive(),
				onGone: (listener) => added(gone, listener),
				onLost: (listener) => added(lost, listener),
				ask: asking.ask,
				answer: asking.answer,
				async standIn(instance, kind, answerer) {
					const end = asking.answerFor(instance, kind, answerer);
					try {
						const leave = await link.standIn(instance);
						return () => {
							end();
							leave();
						};
					} catch (error) {
						end();
						throw error;
					}
				}
			});
		}
	});
}

function alone(id: string): InstancesLink {
	let hear: (message: string) => void = () => {};
	return {
		beat: () => ({ lease: 'renewed', gone: [] }),
		cleared() {},
		leave() {},
		alive: () => [id],
		send(instance, message) {
			if (instance === id) hear(message);
			return instance === id;
		},
		receive: (listener) => void (hear = listener),
		standIn: () => () => {}
	};
}

/** In a function of its own, since one may listen twice. */
function added<Args extends readonly unknown[], R>(
	set: Set<(...args: Args) => R>,
	listener: (...args: Args) => R
): () => void {
	const tell = (...args: Args): R => listener(...args);
	set.add(tell);
	return () => void set.delete(tell);
}
