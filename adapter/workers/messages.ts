/** What a supervisor and its workers tell each other of themselves. */

/** Why a worker ends, as listeners of `sveltekit:shutdown` are told. */
export type Reason = 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'close';

export type ToWorker =
	| { readonly type: 'ping' }
	/** @property siblings The instances that end with it. */
	| { readonly type: 'leave'; readonly reason: Reason; readonly siblings: readonly string[] };

export type FromWorker =
	| {
			readonly type: 'ready';
			/** Its kernel's `instanceId`; absent where the app has no live modules. */
			readonly instance?: string | undefined;
			readonly transport: 'uws' | 'node';
	  }
	| {
			readonly type: 'pong';
			/** Bytes of memory. */
			readonly memory: number;
			readonly connections: number;
	  };
