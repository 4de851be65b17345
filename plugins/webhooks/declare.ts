/** `live.webhook()`: declares what becomes of the events that another service posts. */

import {
	declared,
	RealtimeError,
	type Declaration,
	type MaybePromise
} from 'svelte-realtime/kernel';
import { checkCount, checkTime } from '../checks.ts';

/** What was posted, untouched: signatures are about exactly these bytes. */
export interface WebhookRequest {
	/** The bytes as text. */
	readonly body: string;
	readonly bytes: Uint8Array<ArrayBuffer>;
	readonly headers: Headers;
}

/** What is published. */
export interface WebhookEvent {
	readonly event: string;
	readonly data?: unknown;
}

export interface WebhookOptions<Event> {
	/**
	 * Says whether it is genuine, and returns the event in it. What it throws, and `false` or nothing,
	 * is answered 400 without a word of why. It may be asynchronous.
	 */
	verify(request: WebhookRequest): MaybePromise<Event | false>;
	/** Makes of it what is published: one event, several in order, or `null` for none. */
	transform(event: NoInfer<Event>): MaybePromise<WebhookEvent | readonly WebhookEvent[] | null>;
	/** What the sender calls the event; one that comes again is answered 200, and not published again. */
	id?(event: NoInfer<Event>, headers: Headers): string | number;
	/** When the sender has made it, in milliseconds since the Unix epoch; see `tolerance`. */
	timestamp?(event: NoInfer<Event>, headers: Headers): number | Date;
	/** Milliseconds that `timestamp` may be away from now; else the answer is 400. @default 300000 */
	tolerance?: number;
	/** Bytes of a body; a larger one is answered 413. @default 1048576 */
	maxSize?: number;
}

export interface WebhookDeclaration extends Declaration {
	readonly kind: 'webhook';
	readonly topic: string | ((event: unknown) => string);
	readonly options: Readonly<
		WebhookOptions<unknown> & Required<Pick<WebhookOptions<unknown>, 'tolerance' | 'maxSize'>>
	>;
}

/** A webhook. On the server `$live/*` has its `POST` and `handle`; browsers have nothing of it. */
export interface LiveWebhook {
	(): never;
	readonly '~live': WebhookDeclaration;
}

/**
 * Declares what becomes of the events that another service posts.
 *
 * @param topic Where they are published; a function is handed the verified event, whose type it names.
 * @throws {RealtimeError} RT_LIVE_ARGUMENTS, RT_OPTION_INVALID.
 * @example
 * export const stripe = live.webhook('orders', {
 * 	verify: ({ body, headers }) => Stripe.constructEvent(body, headers.get('stripe-signature'), SECRET),
 * 	id: (event) => event.id,
 * 	transform: ({ type, data }) => (type === 'charge.succeeded' ? { event: 'paid', data: data.object } : null)
 * });
 */
export function webhook<Event>(
	topic: string | ((event: Event) => string),
	options: WebhookOptions<Event>
): LiveWebhook {
	const given: Partial<WebhookOptions<Event>> | undefined = options;
	const functions = ['verify', 'transform', 'id', 'timestamp'] as const;
	for (const name of functions) {
		const isLeftOut = given?.[name] === undefined && (name === 'id' || name === 'timestamp');
		if (isLeftOut || typeof given?.[name] === 'function') continue;
		const wanted = `options whose \`${name}\` is a function`;
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['live.webhook()', typeof given?.[name], wanted]);
	}
	if (typeof topic !== 'function' && !isTopic(topic)) {
		const wanted = "a name that does not begin with '__', or a function that returns one";
		throw new RealtimeError('RT_OPTION_INVALID', ['topic', 'live.webhook()', topic, wanted]);
	}
	const { tolerance = 5 * 60_000, maxSize = 1024 * 1024 } = options;
	checkTime('tolerance', 'live.webhook()', tolerance, 1);
	checkCount('maxSize', 'live.webhook()', maxSize);
	const refuse = (): never => {
		const wanted = 'nothing at all: a request for it goes to the POST of its import from $live';
		throw new RealtimeError('RT_LIVE_ARGUMENTS', ['A live.webhook()', 'a call', wanted]);
	};
	return declared(refuse, {
		kind: 'webhook',
		schema: undefined,
		topic,
		options: { ...options, tolerance, maxSize }
	}) as unknown as LiveWebhook;
}

/** Whether events may be published there: what begins with two underscores is the plugins' own. */
export function isTopic(topic: unknown): topic is string {
	return typeof topic === 'string' && topic !== '' && !topic.startsWith('__');
}
