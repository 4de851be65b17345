/** `request.signal` of a page: it tells that the client has left. */

import type { Reply } from './front.ts';

/** That the client of a request has left, or may yet. */
class Leave {
	#controller: AbortController | undefined = undefined;
	#reason: DOMException | undefined = undefined;
	/** The request and what was cloned of it. */
	readonly requests: PageRequest[] = [];

	/** Made only where somebody looks at it: most pages never do. */
	get signal(): AbortSignal {
		if (this.#controller === undefined) {
			this.#controller = new AbortController();
			if (this.#reason) this.#controller.abort(this.#reason);
		}
		return this.#controller.signal;
	}

	now(): void {
		const reason = (this.#reason = new DOMException('The client has left.', 'AbortError'));
		this.#controller?.abort(reason);
		for (const one of this.requests) abort(bornWith.call(one) as AbortSignal, reason);
	}
}

const LEAVE = Symbol('leave');

/**
 * A Request whose signal tells that the client has left. One that is handed to the constructor of
 * Request takes longer than all the rest of it.
 *
 * What takes the request over without asking for the property (`fetch(request)`,
 * `new Request(request)`) listens to the signal that it was born with, and hears of it there.
 */
class PageRequest extends Request {
	[LEAVE]!: Leave;

	override get signal(): AbortSignal {
		// The constructor of Request may look at it before there is more than that.
		return this[LEAVE]?.signal ?? (bornWith.call(this) as AbortSignal);
	}

	override clone(): Request {
		// The platform makes a plain one.
		const one = Object.setPrototypeOf(super.clone(), PageRequest.prototype) as PageRequest;
		return follow(one, this[LEAVE]);
	}
}

function follow(request: PageRequest, leave: Leave): PageRequest {
	request[LEAVE] = leave;
	leave.requests.push(request);
	return request;
}

/**
 * A request of the client that `reply` leads to.
 *
 * @throws {TypeError} When no Request can be made of it.
 */
export function pageRequest(url: string, init: RequestInit, reply: Reply): Request {
	const leave = new Leave();
	const request = follow(new PageRequest(url, init), leave);
	reply.onClosed(() => leave.now());
	return request;
}

const bornWith = Object.getOwnPropertyDescriptor(Request.prototype, 'signal')!.get!;

/** Nothing has the controller of such a signal; who listens to it reads these and waits for the event. */
function abort(signal: AbortSignal, reason: unknown): void {
	Object.defineProperties(signal, { aborted: { value: true }, reason: { value: reason } });
	signal.dispatchEvent(new Event('abort'));
}
