/** Errors that nobody expected, through the app's own `handleError`. */

import { RealtimeError } from '../../kernel/errors.ts';
import { LiveError } from '../../kernel/live-error.ts';
import type { RequestEvent } from '../../kernel/request-event.ts';
import type { ServerHooks } from '../hooks.ts';
import { withoutResponse } from './cookies.ts';
import { visit, type Respond } from './visit.ts';

/** What SvelteKit says by itself of an error that it does not know. */
const MESSAGE = 'Internal Error';

export interface Failures {
	/** What a client is told, if the app has a `handleError`, which has heard of it. Never rejects. */
	answer(error: unknown, event?: RequestEvent): Promise<LiveError | undefined>;
	/** Whether the app has a `handleError`, which has heard of it. Never rejects. */
	tell(error: unknown, event?: RequestEvent): Promise<boolean>;
	/** Reports for the kernel: what the app has done wrong to its `handleError`, all else to `report`. */
	report(plugin: string, error: unknown): void;
}

export interface FailuresOptions {
	readonly respond: Respond;
	/** Path of the socket, which is that of an event that belongs to no request. */
	readonly path: string;
	/** Its origin. @default 'http://localhost' */
	readonly origin?: string | undefined;
	readonly report: (plugin: string, error: unknown) => void;
}

type HandleError = (input: object) => unknown;

export function kitFailures(options: FailuresOptions): Failures {
	const { respond, path, origin = 'http://localhost', report } = options;
	const bare = { url: path, headers: {}, ip: '', origin };

	/** The app's `handleError`, and an event for it, which is of no visitor. */
	async function find(): Promise<[handleError: unknown, event: RequestEvent] | undefined> {
		const work = (event: RequestEvent, hooks: ServerHooks): [unknown, RequestEvent] => {
			withoutResponse(event);
			return [hooks.handleError, event];
		};
		return (await visit(respond, bare, { method: 'GET', isBare: true }, work)).arrived?.result;
	}

	/** What `handleError` has returned; `[]` where there is none. */
	async function handled(error: unknown, event?: RequestEvent): Promise<[result?: unknown]> {
		try {
			const [handleError, own] = (await find()) ?? [];
			if (typeof handleError !== 'function') return [];
			const input = { error, event: event ?? own, status: 500, message: MESSAGE, kind: 'unknown' };
			return [await (handleError as HandleError)(input)];
		} catch (failure) {
			report('handleError', failure);
			return [];
		}
	}

	return {
		async answer(error, event) {
			const outcome = await handled(error, event);
			if (outcome.length === 0) return undefined;
			const [body] = outcome;
			if (typeof body !== 'object' || body === null) return new LiveError('INTERNAL_ERROR');
			const { message } = body as { message?: unknown };
			const said = typeof message === 'string' ? message : undefined;
			return new LiveError('INTERNAL_ERROR', said, { body });
		},
		tell: async (error, event) => (await handled(error, event)).length > 0,
		report(plugin, error) {
			const isOurs = error instanceof RealtimeError;
			if (isOurs) report(plugin, error);
			const thrown = isOurs ? error.cause : error;
			if (thrown === undefined || thrown instanceof RealtimeError) {
				if (!isOurs) report(plugin, error);
				return;
			}
			void handled(thrown).then(({ length }) => {
				if (length === 0 && !isOurs) report(plugin, error);
			});
		}
	};
}
