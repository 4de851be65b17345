import type { ClientKernel, WebSocketConstructor } from '../../../kernel/client/index.ts';
import { endpoint } from '../../../kernel/client/configure.ts';
import { recorded, type Recording } from './socket.ts';

/**
 * Makes every later connection of this client a recorded one.
 *
 * A constructor that the app configures is wrapped where the client reads it. Where the app has none
 * the option stays empty, since the client then asks why it is refused, and the constructor of the
 * page makes a recorded socket for the client's own address, and for any other what it always made.
 */
export function recordSockets(kernel: ClientKernel, recording: Recording): void {
	const { options } = kernel;
	const wrapped = new WeakMap<WebSocketConstructor, WebSocketConstructor>();
	let given = options.WebSocket;

	function wrap(Base: WebSocketConstructor): WebSocketConstructor {
		const known = wrapped.get(Base) ?? recorded(Base, recording);
		wrapped.set(Base, known);
		return known;
	}

	Object.defineProperty(options, 'WebSocket', {
		configurable: true,
		enumerable: true,
		get: () => given && wrap(given),
		set: (next: WebSocketConstructor | undefined) => void (given = next)
	});

	const page = globalThis as { WebSocket?: WebSocketConstructor };
	const Native = page.WebSocket;
	if (!Native) return;
	page.WebSocket = new Proxy(Native, {
		construct(target, [url, protocols]: [string, string[]?], newTarget) {
			if (isOwn(kernel, url)) return new (wrap(target))(url, protocols);
			// An argument that was not given is not the same as `undefined` to a native constructor.
			const rest = protocols === undefined ? [url] : [url, protocols];
			return Reflect.construct(target, rest, newTarget === page.WebSocket ? target : newTarget);
		}
	});
}

function isOwn({ options }: ClientKernel, url: unknown): boolean {
	try {
		return !options.WebSocket && endpoint(options).url === String(url);
	} catch {
		// The client has no address yet, so what is opened here is not its connection.
		return false;
	}
}
