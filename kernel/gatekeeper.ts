/** Who may come in: the origin check, then the `upgrade` gates, within their time. */

import { parse as parseCookies } from 'cookie';
import type { Clock } from './clock.ts';
import { deny, statusOf, type Denial } from './codes.ts';
import type { ConnectionData, UpgradeContext, UpgradePurpose, UpgradeRequest } from './contexts.ts';
import type { HookTable } from './hooks.ts';
import type { Limits } from './limits.ts';
import { isAllowedOrigin, type Origins } from './origin.ts';
import { readToken } from './token.ts';
import { isThenable, runGate } from './run.ts';
import type { MaybePromise, UpgradeAnswer } from './transport.ts';

export interface GatekeeperOptions {
	readonly table: HookTable;
	readonly clock: Clock;
	readonly limits: Limits;
	readonly origins: Origins | undefined;
	readonly fail: (hook: string) => (plugin: string, error: unknown) => void;
	readonly limited: (limit: keyof Limits) => void;
}

const CLOSED: Denial = deny('SERVICE_UNAVAILABLE', 'The server shuts down.');

class Upgrade implements UpgradeContext {
	request: UpgradeRequest;
	readonly purpose: UpgradePurpose;
	readonly data: ConnectionData = {};
	readonly responseHeaders: Record<string, string> = {};
	readonly setCookies: string[] = [];
	#cookies: Readonly<Record<string, string | undefined>> | undefined = undefined;
	#listeners: ((denial: Denial | undefined) => void)[] = [];

	constructor(request: UpgradeRequest, purpose: UpgradePurpose) {
		this.request = request;
		this.purpose = purpose;
	}

	get cookies(): Readonly<Record<string, string | undefined>> {
		return (this.#cookies ??= parseCookies(this.request.headers['cookie'] ?? ''));
	}

	get token(): string | undefined {
		return readToken(this.request.headers['sec-websocket-protocol']);
	}

	useCookies(cookie: string): void {
		this.request = { ...this.request, headers: { ...this.request.headers, cookie } };
		this.#cookies = undefined;
	}

	whenAnswered(listener: (denial: Denial | undefined) => void): void {
		this.#listeners.push(listener);
	}

	/** @throws what a listener throws */
	answered(denial: Denial | undefined): void {
		for (const listener of this.#listeners.splice(0)) listener(denial);
	}
}

export class Gatekeeper {
	readonly #options: GatekeeperOptions;
	#closed: boolean = false;

	constructor(options: GatekeeperOptions) {
		this.#options = options;
	}

	/** Refuses everyone from now on. */
	close(): void {
		this.#closed = true;
	}

	/** Reports a gate that threw, and refuses: a broken check lets nobody through. */
	readonly failClosed = (hook: string): ((plugin: string, error: unknown) => Denial) => {
		const fail = this.#options.fail(hook);
		return (plugin, error) => {
			fail(plugin, error);
			return deny('INTERNAL_ERROR');
		};
	};

	/** Whether pages of the request's origin may connect. */
	allows(request: UpgradeRequest): boolean {
		return isAllowedOrigin(request, this.#options.origins ?? 'same-origin');
	}

	admit(request: UpgradeRequest, purpose: UpgradePurpose): MaybePromise<UpgradeAnswer> {
		const { table } = this.#options;
		if (this.#closed) return refuse(CLOSED);
		// Where a page is rendered, or a connection is open, that question has been answered.
		const isNew = purpose === 'socket' || purpose === 'preflight';
		if (isNew && !this.allows(request)) {
			return refuse(deny('FORBIDDEN', 'This origin may not connect.'));
		}
		const ctx = new Upgrade(request, purpose);
		const verdict = runGate(table.list('upgrade'), ctx, this.failClosed('upgrade'));
		if (!isThenable(verdict)) return this.#answer(verdict, ctx);
		return this.#inTime(verdict as Promise<Denial | undefined>).then((denial) =>
			this.#answer(this.#closed ? CLOSED : denial, ctx)
		);
	}

	#answer(denial: Denial | undefined, ctx: Upgrade): UpgradeAnswer {
		try {
			ctx.answered(denial);
		} catch (error) {
			return refuse(this.failClosed('upgrade')('kernel', error));
		}
		if (denial) return refuse(denial);
		const { data, responseHeaders, setCookies } = ctx;
		return { ok: true, data, responseHeaders, ...(setCookies.length > 0 && { setCookies }) };
	}

	#inTime(verdict: Promise<Denial | undefined>): Promise<Denial | undefined> {
		const { clock, limits, limited } = this.#options;
		let cancel: (() => void) | undefined;
		const late = new Promise<Denial>((resolve) => {
			cancel = clock.after(limits.upgradeTimeout, () => {
				limited('upgradeTimeout');
				resolve(deny('TIMED_OUT_GUARD'));
			});
		});
		return Promise.race([verdict, late]).finally(() => cancel?.());
	}
}

function refuse({ code, reason, retryAfter }: Denial): UpgradeAnswer {
	const refused = { ok: false, status: statusOf(code), code, reason } as const;
	return retryAfter === undefined ? refused : { ...refused, retryAfter };
}
