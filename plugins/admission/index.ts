/** Admission: keeps those out who only cost, without locking out who shares their address. */

import {
	ASK_HEADER,
	definePlugin,
	deny,
	RealtimeError,
	statusOf,
	type Connection,
	type ConnectionData,
	type Denial,
	type Plugin
} from 'svelte-realtime/kernel';
import { failures, type Failures } from './failures.ts';
import { line } from './line.ts';
import { visitorOf, type Visitor } from './visitor.ts';

export interface AdmissionOptions {
	/**
	 * Upgrades of one visitor, which is an address with certain cookies and a certain token, that may
	 * be refused in `window` milliseconds before they are answered 429. @default 10
	 */
	visitor?: number;
	/**
	 * The same for an address with whatever cookies and tokens; here connections count as well that
	 * end within a second. @default 100
	 */
	address?: number;
	/** Milliseconds in which either comes back, in even steps. @default 10,000 */
	window?: number;
	/** Open connections at the most; past it upgrades are answered 503. @default 100,000 */
	connections?: number;
	/** Upgrades whose gates run at a time; the others wait in line. @default 200 */
	concurrency?: number;
	/** Upgrades that wait in line at the most; past it they are answered 503. @default 10,000 */
	waiting?: number;
}

/** What admission knows of an upgrade that was let in, for as long as it may come to nothing. */
interface Admitted {
	readonly visitor: Visitor;
	/** Milliseconds since the Unix epoch. */
	readonly at: number;
}

/** Milliseconds; a connection that ends sooner was of no use to anybody. */
const EARLY = 1000;
/** Milliseconds until somebody else may be gone. */
const FULL = 5000;

const DEFAULTS = {
	visitor: 10,
	address: 100,
	window: 10_000,
	connections: 100_000,
	concurrency: 200,
	waiting: 10_000
};

/**
 * Decides which upgrades reach the gates of the app, and when.
 *
 * What is limited are upgrades that come to nothing, and not how many come: a thousand people behind
 * one address who return after a restart, and stay, are no attack. Local to this process.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID when an option is not a whole number from 1.
 * @example realtime.config.ts: preset: single({ admission: { connections: 20_000 } })
 */
export function admission(options: AdmissionOptions = {}): Plugin<never, never> {
	const limits = { ...DEFAULTS, ...options };
	for (const [name, value] of Object.entries(limits)) {
		if (Number.isSafeInteger(value) && value >= 1) continue;
		const wanted = 'a whole number from 1';
		throw new RealtimeError('RT_OPTION_INVALID', [name, 'admission()', String(value), wanted]);
	}

	return definePlugin({
		name: 'admission',
		setup(kernel) {
			const { clock, connections } = kernel;
			const failed: Failures = failures(limits, clock);
			// In the order in which they were let in.
			const opening = new Map<ConnectionData, Admitted>();
			/** Those that have opened a moment ago, in order. */
			const opened = new Map<Connection, Admitted>();
			const queue = line<Denial | undefined>(limits);

			/** Counts those who left before their connection opened: no hook tells of them. */
			function countGone(): void {
				for (const [data, admitted] of opening) {
					if (clock.now() - admitted.at < EARLY) return;
					opening.delete(data);
					failed.count(admitted.visitor);
				}
			}

			/** Forgets who has stayed. */
			function forget(): void {
				for (const [connection, { at }] of opened) {
					const left = at + EARLY - clock.now();
					if (left > 0) return void clock.after(left, forget);
					opened.delete(connection);
				}
			}

			function refusal(visitor: Visitor): Denial | undefined {
				if (connections.size >= limits.connections) {
					kernel.limited('admission.connections');
					return deny('SERVICE_UNAVAILABLE', 'The server is full.', FULL);
				}
				const wait = failed.wait(visitor);
				if (wait === 0) return undefined;
				kernel.limited('admission.failures');
				return deny('RATE_LIMITED', 'Too many attempts to connect have failed.', wait);
			}

			kernel.hook(
				'upgrade',
				(ctx) => {
					if (ctx.purpose !== 'socket' && ctx.purpose !== 'preflight') return;
					countGone();
					const visitor = visitorOf(ctx.request);
					const denial = refusal(visitor);
					if (denial) return denial;
					const place = queue.enter(() => refusal(visitor));
					if (place === undefined) {
						kernel.limited('admission.waiting');
						return deny('SERVICE_UNAVAILABLE', 'Too many want to connect.', EARLY);
					}
					ctx.whenAnswered((denial) => {
						const wasTurned = place.leave();
						if (denial) {
							// Nobody is to blame for a fault of the server, nor for having waited in line.
							if (wasTurned && statusOf(denial.code) < 500) failed.count(visitor);
							return;
						}
						// A page that only asks opens nothing.
						const isAsking = ctx.request.headers[ASK_HEADER] !== undefined;
						if (ctx.purpose !== 'socket' || isAsking) return;
						opening.set(ctx.data, { visitor, at: clock.now() });
					});
					return place.turn;
				},
				{ order: 'pre' }
			);

			kernel.hook('open', ({ connection }) => {
				const admitted = opening.get(connection.data);
				if (admitted === undefined) return;
				opening.delete(connection.data);
				opened.set(connection, admitted);
				if (opened.size === 1) clock.after(EARLY, forget);
			});

			kernel.hook('close', ({ connection }) => {
				const admitted = opened.get(connection);
				opened.delete(connection);
				if (admitted && clock.now() - admitted.at < EARLY) failed.early(admitted.visitor);
			});
		}
	});
}
