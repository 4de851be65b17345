/** Topic names and patterns. */

import type { TopicClass } from './contexts.ts';

/** A name, or a prefix that ends in `*`. */
export type TopicPattern = string;

// Control characters, the two halves of a broken surrogate pair, and what turns text around:
// none of them belongs in a name that ends up in logs, keys and other people's terminals.
const FORBIDDEN = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/u;

/** Characters that the name of a plugin's own topic may add to the name of an app's. */
const NAMESPACE = 64;

/**
 * Whether `topic` is a string of 1 to `limit` characters without control characters. A name that
 * begins with `__` belongs to a plugin, which puts a namespace in front of an app's topic.
 */
export function isTopic(topic: unknown, limit: number): topic is string {
	if (typeof topic !== 'string' || topic.length === 0) return false;
	const most = topic.startsWith('__') ? limit + NAMESPACE : limit;
	return topic.length <= most && !FORBIDDEN.test(topic);
}

/** Makes the test for one or several patterns. */
export function topicMatcher(
	patterns: TopicPattern | readonly TopicPattern[]
): (topic: string) => boolean {
	const tests = (typeof patterns === 'string' ? [patterns] : patterns).map((pattern) => {
		if (!pattern.endsWith('*')) return (topic: string) => topic === pattern;
		const prefix = pattern.slice(0, -1);
		return (topic: string) => topic.startsWith(prefix);
	});
	return (topic) => tests.some((test) => test(topic));
}

interface Rule {
	/** Absent for what the config says. */
	readonly plugin: string | undefined;
	readonly matches: (topic: string) => boolean;
	readonly class: TopicClass;
}

/** The class of every topic: what the config says, then what plugins declare, then `logged`. */
export class TopicClasses {
	#rules: readonly Rule[] = [];
	#places: ReadonlyMap<string, number> = new Map();

	constructor(config: Readonly<Record<TopicPattern, TopicClass>> = {}) {
		for (const [pattern, topicClass] of Object.entries(config)) this.declare(pattern, topicClass);
	}

	/** Rules stand in the order of their plugins, whenever they were declared. */
	order(places: ReadonlyMap<string, number>): void {
		this.#places = places;
		const place = ({ plugin }: Rule): number => places.get(plugin ?? '') ?? -1;
		this.#rules = [...this.#rules].sort((a, b) => place(a) - place(b));
	}

	/** Earlier rules win, so the config stands above every plugin. The result takes the rule out. */
	declare(pattern: TopicPattern, topicClass: TopicClass, plugin?: string): () => void {
		const rule: Rule = { plugin, matches: topicMatcher(pattern), class: topicClass };
		this.#rules = [...this.#rules, rule];
		this.order(this.#places);
		return () => void (this.#rules = this.#rules.filter((other) => other !== rule));
	}

	of(topic: string): TopicClass {
		for (const rule of this.#rules) if (rule.matches(topic)) return rule.class;
		return 'logged';
	}
}
