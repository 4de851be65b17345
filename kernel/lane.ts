import type { TopicClass } from './contexts.ts';
import type { HookEntry, HookTable } from './hooks.ts';
import type { TopicVariants } from './variants.ts';

/** What a topic's frames go through, filtered once. */
export class Lane {
	readonly class: TopicClass;
	readonly pipe: readonly HookEntry<'publish'>[];
	readonly observers: readonly HookEntry<'published'>[];
	/** What else the topic is sent as; undefined, but for topics that somebody follows that way. */
	variants: TopicVariants | undefined;
	/** The epoch that this instance's followers were told of. */
	epoch: string = '';

	constructor(
		table: HookTable,
		topic: string,
		topicClass: TopicClass,
		variants: TopicVariants | undefined
	) {
		this.class = topicClass;
		this.variants = variants;
		this.pipe = table.forTopic('publish', topic, topicClass);
		this.observers = table.forTopic('published', topic, topicClass);
	}
}
