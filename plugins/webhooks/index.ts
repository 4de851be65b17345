/** Webhooks: events that another service posts, published once. */

import { createHash } from 'node:crypto';
import {
	definePlugin,
	isLiveError,
	RealtimeError,
	type Declaration,
	type Plugin
} from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/dedup';
import type {} from 'svelte-realtime/plugins/rpc';
import { checkCount, checkTime } from '../checks.ts';
import { memoryClaims } from '../claims.ts';
import { createOnce } from '../once.ts';
import { isTopic, type WebhookDeclaration, type WebhookEvent } from './declare.ts';
import { readRequest, type WebhookInput } from './request.ts';

export {
	webhook,
	type LiveWebhook,
	type WebhookDeclaration,
	type WebhookEvent,
	type WebhookOptions,
	type WebhookRequest
} from './declare.ts';
export type { WebhookInput } from './request.ts';
export { serverWebhook, type WebhookStub } from './server-stub.ts';
export { verifySignature, type SignatureOptions } from './signature.ts';

export interface WebhooksOptions {
	/** Milliseconds that ids are remembered; at least twice the `tolerance` of each webhook. @default 600000 */
	window?: number;
	/** Ids that this instance remembers in memory; past it a new event is answered 503. @default 10000 */
	size?: number;
}

/** An answer to the service. */
export interface WebhookAnswer {
	readonly status: number;
	readonly body: string;
	readonly headers: Readonly<Record<string, string>>;
}

/** The webhooks of this server. */
export interface Webhooks {
	/** Takes what was posted for a webhook, by `module/export`. */
	handle(path: string, input: WebhookInput): Promise<WebhookAnswer>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		webhooks: Webhooks;
	}
}

/** It was surely not published, or nobody knows: the service has to post it again. */
class Unpublished extends Error {}

/**
 * Publishes what is posted to the webhooks of the live modules.
 *
 * Requires `rpc`, whose live modules it looks at; remembers ids in `dedup.store` where a plugin
 * provides it, so that all instances know them, else in the memory of this process.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when an option is no time, or no whole number from 1; when
 * live modules are mounted, also where a `tolerance` is longer than ids are remembered.
 */
export function webhooks(options: WebhooksOptions = {}): Plugin<'rpc', 'webhooks'> {
	const { window = 10 * 60_000, size = 10_000 } = options;
	checkTime('window', 'webhooks()', window, 1);
	checkCount('size', 'webhooks()', size);

	return definePlugin({
		name: 'webhooks',
		requires: ['rpc'],
		optional: ['dedup.store'],
		provides: ['webhooks'],
		setup(kernel) {
			const { clock, report } = kernel;
			const store = kernel.find('dedup.store') ?? memoryClaims({ clock, window, size });
			const full = (): void => kernel.limited('webhooks.size');
			const { once } = createOnce({ store, window, size, full, report });
			/** What is worked on here, by id: who posts it again meanwhile gets the same answer. */
			const running = new Map<string, Promise<WebhookAnswer>>();
			let declared: ReadonlyMap<string, Declaration> = new Map();

			async function publish({ topic, options }: WebhookDeclaration, event: unknown) {
				const made = await options.transform(event);
				if (made === null) return answer(200, 'Ignored');
				const target = typeof topic === 'function' ? topic(event) : topic;
				const list = Array.isArray(made) ? (made as WebhookEvent[]) : [made as WebhookEvent];
				if (!isTopic(target) || !list.every(isEvent)) {
					const what =
						'transform() returns { event, data }, a list of them or null; topic() a name';
					throw new TypeError(what);
				}
				for (const { event, data } of list) {
					const result = await kernel.publish(target, event, data);
					// What a plugin has dropped on purpose it drops the next time as well.
					const isDropped = result.status === 'rejected' && result.code === 'DROPPED';
					if (result.status !== 'ok' && !isDropped) throw new Unpublished();
				}
				return answer(200, 'OK');
			}

			async function publishOnce(
				declaration: WebhookDeclaration,
				event: unknown,
				key: string
			): Promise<WebhookAnswer> {
				const outcome = await once(key, () => publish(declaration, event));
				if (outcome.first) return outcome.value;
				// Elsewhere it may still fail, and then has to come again.
				return outcome.state === 'done' ? answer(200, 'OK') : later();
			}

			/** What to say when it came to nothing. */
			function failed(path: string, error: unknown): WebhookAnswer {
				if (error instanceof Unpublished) return later();
				if (isLiveError(error) && error.code === 'RATE_LIMITED') return later(error.retryAfter);
				report(new RealtimeError('RT_REACTION_FAILED', ['live.webhook()', path], { cause: error }));
				return answer(500, 'Internal error');
			}

			async function accept(
				path: string,
				declaration: WebhookDeclaration,
				input: WebhookInput
			): Promise<WebhookAnswer> {
				const { verify, timestamp, id, tolerance, maxSize } = declaration.options;
				const request = await readRequest(input, maxSize).catch(() => false as const);
				if (request === false) return answer(400, 'Bad request');
				if (request === undefined) return answer(413, 'Payload too large');
				let event: unknown;
				try {
					event = await verify(request);
				} catch {
					// Anybody may post anything: that it is not genuine is nothing to report.
					return refused();
				}
				if (event === false || event === undefined || event === null) return refused();
				const { headers } = request;
				if (timestamp && !isFresh(await timestamp(event, headers), tolerance)) return refused();
				if (!id) return publish(declaration, event);
				const name = await id(event, headers);
				if (!isId(name)) return refused();
				const key = keyOf(path, name);
				const current = running.get(key);
				if (current) return current;
				const work = publishOnce(declaration, event, key);
				running.set(key, work);
				return work.finally(() => running.delete(key));
			}

			function isFresh(time: number | Date, tolerance: number): boolean {
				// In both directions, and not where it is no number.
				return Math.abs(clock.now() - Number(time)) <= tolerance;
			}

			kernel.attach(() =>
				kernel.use('rpc').watch((_list, paths) => {
					for (const declaration of paths.values()) checkTolerance(declaration, window);
					return () => void (declared = paths);
				})
			);

			kernel.provide('webhooks', {
				async handle(path, input) {
					const declaration = declared.get(path);
					if (declaration?.kind !== 'webhook') return answer(404, 'Not found');
					return accept(path, declaration as WebhookDeclaration, input).catch((error: unknown) =>
						failed(path, error)
					);
				}
			});
		}
	});
}

function isEvent(made: unknown): made is WebhookEvent {
	return typeof (made as WebhookEvent | undefined)?.event === 'string';
}

function isId(name: unknown): name is string | number {
	return typeof name === 'number' || (typeof name === 'string' && name !== '');
}

/** Of one length, whatever the service calls its events. */
function keyOf(path: string, name: string | number): string {
	const hash = createHash('sha256').update(JSON.stringify([path, String(name)]));
	return `webhook:${hash.digest('base64url')}`;
}

function answer(
	status: number,
	body: string,
	headers: Readonly<Record<string, string>> = {}
): WebhookAnswer {
	return { status, body, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers } };
}

/** Not a word of why: who forges one must not learn from it. */
function refused(): WebhookAnswer {
	return answer(400, 'Verification failed');
}

/** @param wait Milliseconds. */
function later(wait: number = 30_000): WebhookAnswer {
	return answer(503, 'Try again later', { 'retry-after': String(Math.ceil(wait / 1000)) });
}

/** @throws {RealtimeError} RT_OPTION_INVALID where an event could be fresh when its id is forgotten. */
function checkTolerance(declaration: Declaration, window: number): void {
	if (declaration.kind !== 'webhook') return;
	const { tolerance } = (declaration as WebhookDeclaration).options;
	if (tolerance * 2 <= window) return;
	const wanted = `at most half of the \`window\` of webhooks(), ${window}, in which ids are remembered`;
	throw new RealtimeError('RT_OPTION_INVALID', ['tolerance', 'live.webhook()', tolerance, wanted]);
}
