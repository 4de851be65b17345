/** SvelteKit behind the socket: who somebody is, the request that functions run in, and its errors. */

import { AsyncResource } from 'node:async_hooks';
import { deny, type Denial } from '../../kernel/codes.ts';
import type { RealtimeConfig } from '../../kernel/config.ts';
import type { ConnectionData, UpgradeContext, UpgradeRequest } from '../../kernel/contexts.ts';
import { RealtimeError } from '../../kernel/errors.ts';
import { isLiveError } from '../../kernel/live-error.ts';
import { definePlugin, type Plugin } from '../../kernel/plugin.ts';
import type { RequestEvent } from '../../kernel/request-event.ts';
import type { MaybePromise } from '../../kernel/transport.ts';
import type { Scope } from '../../plugins/rpc/index.ts';
import { withoutResponse } from './cookies.ts';
import { denialOf, refusalOf, type KitErrors } from './kit-errors.ts';
import type { Failures } from './kit-failures.ts';
import { visit, type Respond, type Visited } from './visit.ts';

/** What of the app decides how much of a request is kept; a dev server changes it. */
export interface KitSettings {
	readonly user: RealtimeConfig['user'];
	/** Some live module imports `getRequestEvent`. */
	readonly hasEvents: boolean;
	/** Some live function runs in a request of its own. */
	readonly hasFresh: boolean;
}

export interface KitOptions {
	readonly respond: Respond;
	readonly errors: KitErrors;
	readonly failures: Failures;
	/** As it is at the moment. */
	settings(): KitSettings;
}

/** What a connection keeps of the request that it began with. */
interface Seat {
	/** Has things run as if they ran in that request. */
	readonly scope: AsyncResource | undefined;
	readonly event: RequestEvent | undefined;
	/** To make others like it of. */
	readonly request: UpgradeRequest | undefined;
}

/** Under a symbol of the registry, so that it stays where plugins exchange what they know. */
const SEAT: unique symbol = Symbol.for('svelte-realtime.seat') as never;

interface Data extends ConnectionData {
	[SEAT]?: Seat;
}

/** The event of the request that a connection began with, where that is kept. */
export function eventOf({ data }: { readonly data: Data }): RequestEvent | undefined {
	return data[SEAT]?.event;
}

export function kitPlugin({ respond, errors, failures, settings }: KitOptions): Plugin {
	return definePlugin({
		name: 'sveltekit',
		optional: ['rpc'],
		setup(kernel) {
			let hasWarned = false;

			async function userOf(event: RequestEvent): Promise<unknown> {
				return (await settings().user?.(event)) ?? null;
			}

			/** What an error of the app's `user` comes to; one that says nothing of a visitor is reported. */
			async function refused(error: unknown, event?: RequestEvent): Promise<Denial> {
				const known = isLiveError(error) ? error : errors.read(error);
				if (known === undefined || known.code === 'INTERNAL_ERROR') {
					if (!(await failures.tell(error, event))) kernel.report(error);
					return deny('INTERNAL_ERROR');
				}
				if (known.code === 'REDIRECT') return deny('UNAUTHENTICATED');
				return deny(known.code, known.message, known.retryAfter);
			}

			/** Why `handle` has let nobody through. */
			function turnedAway({ answer }: Visited<unknown>, { url }: UpgradeRequest): Denial {
				const denial = denialOf(answer, kernel.clock.now());
				if (denial.code === 'INTERNAL_ERROR') {
					const code = answer.status === 404 ? 'RT_UPGRADE_MISSED' : 'RT_UPGRADE_ANSWERED';
					kernel.report(new RealtimeError(code, [url, answer.status]));
				}
				return denial;
			}

			/** The event takes about 7 kB of memory, so a connection keeps nothing that no function needs. */
			function seatOf(request: UpgradeRequest, event: RequestEvent): Seat | undefined {
				const { hasEvents, hasFresh } = settings();
				if (!hasEvents && !hasFresh) return undefined;
				return {
					// What `AsyncLocalStorage.snapshot()` makes, without what that makes around it.
					scope: hasEvents ? new AsyncResource('svelte-realtime', UNTOLD) : undefined,
					event: hasEvents ? event : undefined,
					request: hasFresh ? request : undefined
				};
			}

			async function admit(ctx: UpgradeContext): Promise<Denial | undefined> {
				const { request } = ctx;
				const data = ctx.data as Data;
				if (request.origin === undefined) return deny('INVALID_REQUEST');
				let denial: Denial | undefined;
				const visited = await visit(respond, request, { method: 'GET' }, async (event) => {
					try {
						const { user } = settings();
						if (user) data.user = await userOf(event);
					} catch (error) {
						denial = await refused(error, event);
					}
					withoutResponse(event);
					const seat = seatOf(request, event);
					if (seat) data[SEAT] = seat;
				});
				keepCookies(ctx, visited.setCookies);
				const isThrough = visited.arrived !== undefined && visited.answer.status < 300;
				return denial ?? (isThrough ? undefined : turnedAway(visited, request));
			}

			/** The answer to an upgrade carries no cookies; that to a page that asks before it does. */
			function keepCookies({ purpose, setCookies }: UpgradeContext, set: readonly string[]): void {
				setCookies.push(...set);
				if (purpose !== 'socket' || set.length === 0 || !kernel.dev || hasWarned) return;
				hasWarned = true;
				const names = set.map((cookie) => cookie.split('=', 1)[0]).join(', ');
				kernel.report(new RealtimeError('RT_UPGRADE_COOKIES', [names]));
			}

			kernel.hook('upgrade', (ctx) => {
				const { user, hasEvents, hasFresh } = settings();
				if (ctx.purpose !== 'render') {
					if (user || hasEvents) return admit(ctx);
					if (hasFresh) (ctx.data as Data)[SEAT] = { ...NO_SEAT, request: ctx.request };
					return;
				}
				const { event } = ctx.request;
				if (!user || !event) return;
				return userOf(event).then(
					(found) => void (ctx.data.user = found),
					(error: unknown) => refused(error, event)
				);
			});

			/** Runs in a request of its own, for which the visitor is asked for anew. */
			async function afresh<R>(
				request: UpgradeRequest,
				run: (user?: unknown) => MaybePromise<R>
			): Promise<R> {
				const visited = await visit(respond, request, { method: 'POST' }, async (event) => {
					let user: unknown;
					try {
						if (settings().user) user = await userOf(event);
					} catch (error) {
						throw refusalOf(await refused(error, event));
					}
					withoutResponse(event);
					return run(user);
				});
				if (visited.arrived) return visited.arrived.result;
				throw refusalOf(turnedAway(visited, request));
			}

			const scope: Scope = (invocation, { isFresh }, run) => {
				const seat = (invocation.connection.data as Data)[SEAT];
				// A page that is rendered is in its request already.
				if (seat === undefined) return run();
				if (isFresh && seat.request) return afresh(seat.request, run);
				return seat.scope === undefined ? run() : seat.scope.runInAsyncScope(run);
			};

			const rpc = kernel.find('rpc');
			if (rpc === undefined) return;
			const { hasEvents, hasFresh } = settings();
			// What no function needs does not stand in the way of its calls.
			if (hasEvents || hasFresh || kernel.dev) kernel.attach(() => rpc.within(scope));
			kernel.attach(() =>
				rpc.failing(
					(error, connection) => errors.read(error) ?? failures.answer(error, eventOf(connection))
				)
			);
		}
	});
}

/** Its end is of no interest to anybody. */
const UNTOLD = { requireManualDestroy: true };

const NO_SEAT: Seat = { scope: undefined, event: undefined, request: undefined };
