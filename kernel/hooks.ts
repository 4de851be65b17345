/** Every hook of every plugin. hookable keeps the registry; order and calling are ours. */

import { Hookable, type HookCallback } from 'hookable';
import type { TopicClass } from './contexts.ts';
import type { HookName, HookOptions, KernelHooks } from './plugin.ts';
import type { Entry } from './run.ts';
import { topicMatcher } from './topics.ts';

const RANK = { pre: 0, default: 1, post: 2 } as const;

export interface HookEntry<N extends HookName = HookName> extends Entry<KernelHooks[N]> {
	readonly options: HookOptions;
	readonly rank: number;
	readonly matches: ((topic: string) => boolean) | undefined;
}

/**
 * The table of handlers.
 *
 * `Hookable.callHook` makes a task per handler and drops what handlers return, so it is never
 * called: `callHookWith` hands us the keys, and run.ts runs the handlers behind them.
 */
export class HookTable {
	readonly #hooks: Hookable<Record<string, HookCallback>> = new Hookable();
	readonly #entries: WeakMap<HookCallback, HookEntry> = new WeakMap();
	readonly #sorted: Map<string, readonly HookEntry[]> = new Map();
	readonly #byType: Map<string, readonly HookEntry<'message'>[]> = new Map();
	/** Plugin → its place in the list; the kernel itself stands before all of them. */
	#places: ReadonlyMap<string, number> = new Map();
	/** Goes up with every change, so that a compiled lane can tell that it is stale. */
	version: number = 0;

	/** Handlers of one hook run in the order of their plugins, whenever they were added. */
	order(places: ReadonlyMap<string, number>): void {
		this.#places = places;
		this.invalidate();
	}

	add<N extends HookName>(
		plugin: string,
		name: N,
		handler: KernelHooks[N],
		options: HookOptions = {}
	): () => void {
		const entry: HookEntry<N> = {
			plugin,
			handler,
			options,
			rank: RANK[options.order ?? 'default'],
			matches: options.topics === undefined ? undefined : topicMatcher(options.topics)
		};
		// A key of its own per registration: one handler may be added twice, with two filters.
		const key: HookCallback = () => {};
		this.#entries.set(key, entry as unknown as HookEntry);
		const remove = this.#hooks.hook(name, key);
		this.invalidate();
		return () => {
			remove();
			this.invalidate();
		};
	}

	/** The handlers of `name` in order. */
	list<N extends HookName>(name: N): readonly HookEntry<N>[] {
		let sorted = this.#sorted.get(name);
		if (sorted === undefined) {
			const read = (keys: HookCallback[]): HookCallback[] => keys;
			const keys: HookCallback[] = this.#hooks.callHookWith(read, name, []) ?? [];
			const place = ({ plugin }: HookEntry): number => this.#places.get(plugin) ?? -1;
			sorted = keys
				.map((key) => this.#entries.get(key)!)
				.sort((a, b) => a.rank - b.rank || place(a) - place(b));
			this.#sorted.set(name, sorted);
		}
		return sorted as unknown as readonly HookEntry<N>[];
	}

	/** Those that want this topic. */
	forTopic<N extends HookName>(
		name: N,
		topic: string,
		topicClass: TopicClass
	): readonly HookEntry<N>[] {
		return this.list(name).filter(
			({ matches, options }) =>
				(matches?.(topic) ?? true) && (options.class ?? topicClass) === topicClass
		);
	}

	/** The `message` handlers that want frames of this type. */
	forType(type: string): readonly HookEntry<'message'>[] {
		const known = this.#byType.get(type);
		if (known !== undefined) return known;
		const entries = this.list('message').filter(({ options }) => (options.type ?? type) === type);
		// Types come from clients: only those that some handler names are worth remembering.
		if (entries.some(({ options }) => options.type === type)) this.#byType.set(type, entries);
		return entries;
	}

	/** Makes every compiled lane stale. */
	invalidate(): void {
		this.version += 1;
		this.#sorted.clear();
		this.#byType.clear();
	}
}
