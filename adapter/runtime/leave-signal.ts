/** `request.signal` of a page: it tells that the client has left. */

import type { Reply } from './front.ts';

/**
 * Gives a request its signal, which is made only where somebody looks at it: one that is handed to
 * the constructor takes longer than all the rest of a Request, and most pages never look.
 *
 * What takes the request over without asking for the property (`fetch(request)`,
 * `new Request(request)`) listens to the signal that it was born with, and hears of it there.
 */
export function signalLeave(request: Request, reply: Reply): void {
	let controller: AbortController | undefined;
	let reason: DOMException | undefined;
	const signal = (): AbortSignal => {
		if (controller === undefined) {
			controller = new AbortController();
			if (reason) controller.abort(reason);
		}
		return controller.signal;
	};
	const all: Request[] = [];
	const give = (one: Request): Request => {
		all.push(one);
		const clone = (): Request => give(Request.prototype.clone.call(one));
		return Object.defineProperties(one, {
			signal: { configurable: true, get: signal },
			// A clone is made without it otherwise.
			clone: { configurable: true, writable: true, value: clone }
		});
	};
	give(request);
	reply.onClosed(() => {
		reason = new DOMException('The client has left.', 'AbortError');
		controller?.abort(reason);
		for (const one of all) abort(bornWith.call(one) as AbortSignal, reason);
	});
}

const bornWith = Object.getOwnPropertyDescriptor(Request.prototype, 'signal')!.get!;

/** Nothing has the controller of such a signal; who listens to it reads these and waits for the event. */
function abort(signal: AbortSignal, reason: unknown): void {
	Object.defineProperties(signal, { aborted: { value: true }, reason: { value: reason } });
	signal.dispatchEvent(new Event('abort'));
}
