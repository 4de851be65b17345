/** Says what is wrong with Redis: once an outage, however many connections and commands meet it. */

import { isLiveError, RealtimeError, type Clock, type ErrorCode } from 'svelte-realtime/kernel';
import { outageOf, refusalOf } from '../redis-failures.ts';

export interface Reports {
	/** @returns the error as it is for who runs the app. */
	say(error: unknown): unknown;
	/** For errors of a connection that could not be made, whatever they are. */
	lost(error: unknown): void;
	/** Redis is reached: what is wrong from now on is said again. */
	reached(): void;
}

/**
 * @param place Where Redis is, without its password.
 * @param quiet Milliseconds after which the same is another outage.
 */
export function createReports(
	place: string,
	clock: Clock,
	quiet: number,
	report: (error: unknown) => void
): Reports {
	const said = new Map<string, number>();

	function tell(error: unknown, code: ErrorCode): RealtimeError {
		const explained = new RealtimeError(code, [place, messageOf(error)], { cause: error });
		const before = said.get(code) ?? -Infinity;
		said.set(code, clock.now());
		if (clock.now() - before > quiet) report(explained);
		return explained;
	}

	return {
		say(error) {
			const code = outageOf(error) ?? refusalOf(error);
			if (code !== undefined) return tell(error, code);
			// What `run` refuses was said when it began.
			const isSaid = isLiveError(error) && error.code === 'SERVICE_UNAVAILABLE';
			if (!isSaid) report(error);
			return error;
		},
		lost: (error) =>
			void tell(error, outageOf(error) ?? refusalOf(error) ?? 'RT_REDIS_UNREACHABLE'),
		reached: () => void said.delete('RT_REDIS_UNREACHABLE')
	};
}

/** Of several attempts at once, by the addresses of one host, the message is empty. */
function messageOf(error: unknown): string {
	const { message, code } = Object(error) as { message?: string; code?: string };
	return message || code || String(error);
}
