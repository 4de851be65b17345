/** Topic names and patterns. */

import type { TopicClass } from './contexts.ts';

/** A name, or a prefix that ends in `*`. */
export type TopicPattern = string;

// Control characters, the two halves of a broken surrogate pair, and what turns text around:
// none of them belongs in a name that ends up in logs, keys and other people's terminals.
const FORBIDDEN = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/u;

/** Whether `topic` is a string of 1 to `limit` characters without control characters. */
export function isTopic(topic: unknown, limit: number): topic is string {
	return (
		typeof topic === 'string' && topic.length > 0 && topic.length <= limit && !FORBIDDEN.test(topic)
	);
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

/** The class of every topic: what the config says, then what plugins declare, then `logged`. */
export class TopicClasses {
	readonly #rules: { readonly matches: (topic: string) => boolean; readonly class: TopicClass }[] =
		[];

	constructor(config: Readonly<Record<TopicPattern, TopicClass>> = {}) {
		for (const [pattern, topicClass] of Object.entries(config)) this.declare(pattern, topicClass);
	}

	/** Earlier rules win, so the config stands above every plugin. */
	declare(pattern: TopicPattern, topicClass: TopicClass): void {
		this.#rules.push({ matches: topicMatcher(pattern), class: topicClass });
	}

	of(topic: string): TopicClass {
		for (const rule of this.#rules) if (rule.matches(topic)) return rule.class;
		return 'logged';
	}
}
