/** The client kernel, as the browser halves of plugins use it. */

export { backoff, randomOf } from './backoff.ts';
export type {
	ClientOptions,
	OfflineOptions,
	QueuedCall,
	Token,
	WebSocketConstructor,
	WebSocketLike
} from './configure.ts';
export type { ClientConnection, Closed, ConnectionStatus } from './connection.ts';
export type { ClientHooks } from './hooks.ts';
export { createClientKernel, toLiveError, type ClientKernel } from './kernel.ts';
export type { PageEvent, PageEvents } from './lifecycle.ts';
export { createListeners, type Listeners } from './listeners.ts';
export { localError } from './local-error.ts';
export { clientError, type ClientErrorCode } from './messages.ts';
export { configure, page } from './page.ts';
export type { Outgoing } from './queue.ts';
export { trimmed } from './values.ts';
