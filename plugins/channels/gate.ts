/** What stands between a publish and a channel, whoever publishes. */

import {
	isLiveError,
	isThenable,
	RealtimeError,
	type DROP,
	type PluginKernel,
	type PublishContext,
	type TAKEN
} from 'svelte-realtime/kernel';
import { checkedData } from '../events.ts';
import type { ChannelFacts } from './declare.ts';

/** Topics that are made from arguments and were asked for, the latest of them. */
const KNOWN = 10_000;

type Kernel = Pick<PluginKernel<never, never>, 'hook' | 'declareTopics' | 'report'>;

export class Gate {
	readonly #kernel: Kernel;
	/** The mark of frames that have been checked. */
	readonly checked: symbol = Symbol('checked');
	#fixed: ReadonlyMap<string, ChannelFacts> = new Map();
	#patterns: readonly (readonly [prefix: string, channel: ChannelFacts])[] = [];
	/** The one asked for last is the last one. */
	readonly #known: Map<string, ChannelFacts> = new Map();
	readonly #declared: Set<string> = new Set();
	readonly #failures: WeakMap<PublishContext, unknown> = new WeakMap();
	#remove: () => void = () => {};

	constructor(kernel: Kernel) {
		this.#kernel = kernel;
	}

	/**
	 * These are the channels from now on.
	 *
	 * @throws {RealtimeError} RT_OPTION_INVALID where two of them have one topic; nothing has changed then.
	 */
	mount(channels: ReadonlySet<ChannelFacts>): void {
		const fixed = new Map<string, ChannelFacts>();
		const patterns = new Map<string, ChannelFacts>();
		for (const channel of channels) {
			const { topic, topics } = channel;
			const table = topic === undefined ? patterns : fixed;
			const name = topic ?? topics;
			if (name === undefined) continue;
			if (table.has(name)) {
				const slots = [topic === undefined ? 'topics' : 'topic', 'live.channel()', name];
				throw new RealtimeError('RT_OPTION_INVALID', [...slots, 'of one channel only']);
			}
			table.set(name, channel);
		}
		this.#fixed = fixed;
		this.#patterns = [...patterns]
			.map(([pattern, channel]) => [pattern.slice(0, -1), channel] as const)
			// The longest prefix says most.
			.sort(([one], [other]) => other.length - one.length);
		// What was asked for with a module that has been replaced is asked for again.
		for (const [name, channel] of this.#known) {
			if (!channels.has(channel)) this.#known.delete(name);
		}
		for (const { topic, topics, class: topicClass } of channels) {
			const pattern = topic ?? topics;
			if (pattern === undefined || topicClass === 'logged' || this.#declared.has(pattern)) continue;
			this.#declared.add(pattern);
			this.#kernel.declareTopics(pattern, topicClass);
		}
		const isOpen = [...channels].some(({ topic, topics }) => (topic ?? topics) === undefined);
		this.#hook(
			channels.size === 0 ? [] : isOpen ? undefined : [...fixed.keys(), ...patterns.keys()]
		);
	}

	/** A channel has this topic. @throws {RealtimeError} RT_OPTION_INVALID where it says otherwise itself. */
	know(topic: string, channel: ChannelFacts): void {
		const { topics } = channel;
		if (channel.topic !== undefined) return;
		if (topics !== undefined) {
			if (topic.startsWith(topics.slice(0, -1))) return;
			const slots = ['topics', 'live.channel()', topics, `a prefix of its topic "${topic}"`];
			throw new RealtimeError('RT_OPTION_INVALID', slots);
		}
		this.#known.delete(topic);
		this.#known.set(topic, channel);
		if (this.#known.size <= KNOWN) return;
		const [oldest] = this.#known.keys();
		this.#known.delete(oldest!);
	}

	/** @param topics `undefined` where the topics of some channel cannot be told beforehand. */
	#hook(topics: readonly string[] | undefined): void {
		this.#remove();
		if (topics?.length === 0) return;
		// Before anything numbers it: what is refused must not leave a gap.
		const options = { order: 'pre', ...(topics && { topics }) } as const;
		const { hook } = this.#kernel;
		const removers = [
			hook('publish', (ctx) => this.#check(ctx), options),
			// A schema may take its time: then the frame goes on here.
			hook('publish', (ctx) => this.#settled(ctx), options)
		];
		this.#remove = () => removers.forEach((remove) => remove());
	}

	#find(topic: string): ChannelFacts | undefined {
		const known = this.#fixed.get(topic) ?? this.#known.get(topic);
		return known ?? this.#patterns.find(([prefix]) => topic.startsWith(prefix))?.[1];
	}

	#check(ctx: PublishContext): ReturnType<PublishContext['defer']> | typeof TAKEN | void {
		if (ctx.origin === 'remote' || ctx.mark === this.checked) return;
		const channel = this.#find(ctx.topic);
		if (channel === undefined) return;
		let output: unknown;
		try {
			output = checkedData(channel.events, ctx.event, ctx.data);
		} catch (error) {
			return this.#refuse(ctx, error);
		}
		if (!isThenable(output)) {
			ctx.data = output;
			return;
		}
		return ctx.defer(
			Promise.resolve(output).then(
				(checked) => void (ctx.data = checked),
				(error: unknown) => void this.#failures.set(ctx, error ?? new Error('The schema failed.'))
			)
		);
	}

	#settled(ctx: PublishContext): typeof TAKEN | typeof DROP | void {
		const failure = this.#failures.get(ctx);
		if (failure !== undefined) return this.#refuse(ctx, failure);
	}

	/** Its publisher is told why; who may not look at that is the operator, who is told as well. */
	#refuse(ctx: PublishContext, cause: unknown): typeof TAKEN {
		const slots = [ctx.event, ctx.topic, cause instanceof Error ? cause.message : String(cause)];
		this.#kernel.report(new RealtimeError('RT_CHANNEL_EVENT', slots, { cause }));
		return ctx.take({
			status: 'rejected',
			code: isLiveError(cause) ? cause.code : 'INTERNAL_ERROR'
		});
	}
}
