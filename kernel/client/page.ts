import type { ClientOptions } from './configure.ts';
import { createClientKernel, type ClientKernel } from './kernel.ts';

const options: ClientOptions = {};

/** The page's own client, which the stubs of `$live` use. */
export const page: ClientKernel = /* @__PURE__ */ createClientKernel(options);

/**
 * Sets options of the page's client, before its first use; what is not named stays as it is.
 *
 * @example configure({ url: 'wss://example.com/ws', WebSocket }) // outside a browser
 */
export function configure(given: ClientOptions): void {
	Object.assign(options, given);
}
