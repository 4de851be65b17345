/** One process, nothing to install beside it. */

import { presetOf, type Plugin } from 'svelte-realtime/kernel';
import { admission, type AdmissionOptions } from 'svelte-realtime/plugins/admission';
import { breakers } from 'svelte-realtime/plugins/breaker';
import { binaries, type BinaryOptions } from 'svelte-realtime/plugins/binary';
import { channels } from 'svelte-realtime/plugins/channels';
import { crons, type CronsOptions } from 'svelte-realtime/plugins/cron';
import { cursors, type CursorsOptions } from 'svelte-realtime/plugins/cursors';
import { debounce, type DebounceOptions } from 'svelte-realtime/plugins/debounce';
import { dedup, type DedupOptions } from 'svelte-realtime/plugins/dedup';
import { groups } from 'svelte-realtime/plugins/groups';
import { health } from 'svelte-realtime/plugins/health';
import { identity, type IdentityOptions } from 'svelte-realtime/plugins/identity';
import { instances, type InstancesOptions } from 'svelte-realtime/plugins/instances';
import { invalidation, type InvalidationOptions } from 'svelte-realtime/plugins/invalidation';
import { leader, type LeaderOptions } from 'svelte-realtime/plugins/leader';
import { lock, type LockOptions } from 'svelte-realtime/plugins/lock';
import { metrics, type MetricsOptions } from 'svelte-realtime/plugins/metrics';
import {
	middleware,
	type Middleware,
	type MiddlewareOptions
} from 'svelte-realtime/plugins/middleware';
import { presence, type PresenceOptions } from 'svelte-realtime/plugins/presence';
import { queue, type QueueOptions } from 'svelte-realtime/plugins/queue';
import { ratelimit, type RateLimitOptions } from 'svelte-realtime/plugins/ratelimit';
import { reactions, type ReactionsOptions } from 'svelte-realtime/plugins/reactions';
import { registry } from 'svelte-realtime/plugins/registry';
import { replay, type ReplayOptions } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { session, type SessionOptions } from 'svelte-realtime/plugins/session';
import { signals } from 'svelte-realtime/plugins/signals';
import { streams } from 'svelte-realtime/plugins/streams';
import { throttle, type ThrottleOptions } from 'svelte-realtime/plugins/throttle';
import { webhooks, type WebhooksOptions } from 'svelte-realtime/plugins/webhooks';

export interface SingleOptions {
	presence?: PresenceOptions;
	cursors?: CursorsOptions;
	/** `false`: whoever the gates let in may connect, at whatever rate. */
	admission?: AdmissionOptions | false;
	identity?: IdentityOptions;
	/** Functions around every call and stream, and around every frame; the first one outermost. */
	middleware?: readonly Middleware[] | MiddlewareOptions;
	/** `false`: calls are not limited, but for those of functions with a limit of their own. */
	ratelimit?: RateLimitOptions | false;
	replay?: ReplayOptions;
	instances?: InstancesOptions;
	/** `endpoint` serves them to Prometheus. */
	metrics?: MetricsOptions;
	invalidation?: InvalidationOptions;
	reactions?: ReactionsOptions;
	binary?: BinaryOptions;
	throttle?: ThrottleOptions;
	debounce?: DebounceOptions;
	lock?: LockOptions;
	leader?: LeaderOptions;
	/** Jobs, and how long one is waited for whose instance has gone. */
	cron?: CronsOptions;
	queue?: QueueOptions;
	session?: SessionOptions;
	dedup?: DedupOptions;
	webhooks?: WebhooksOptions;
}

export type SingleCapability =
	| 'presence'
	| 'cursors'
	| 'channels'
	| 'groups'
	| 'health'
	| 'instances'
	| 'metrics.page'
	| 'reactions'
	| 'identity'
	| 'ratelimit'
	| 'rpc'
	| 'cron.runs'
	| 'binary'
	| 'replay'
	| 'signal'
	| 'invalidate'
	| 'streams'
	| 'throttle'
	| 'debounce'
	| 'lock'
	| 'leader'
	| 'registry'
	| 'queue'
	| 'session'
	| 'dedup'
	| 'webhooks';

/** The preset for one process: every plugin with its store in memory. */
export function single(options: SingleOptions = {}): readonly Plugin<any, SingleCapability>[] {
	const limits = options.ratelimit === false ? { calls: false as const } : options.ratelimit;
	return presetOf(options, [
		// First, so that it sees who is refused by any of the others.
		metrics(options.metrics),
		instances(options.instances),
		health(),
		...(options.admission === false ? [] : [admission(options.admission)]),
		// Behind admission, and before the gates of the app.
		identity(options.identity),
		middlewareOf(options.middleware ?? []),
		ratelimit(limits),
		rpc(),
		breakers(),
		binaries(options.binary),
		replay(options.replay),
		streams(),
		presence(options.presence),
		cursors(options.cursors),
		groups(),
		signals(),
		registry(),
		invalidation(options.invalidation),
		throttle(options.throttle),
		debounce(options.debounce),
		// Behind what coalesces: what goes out is what is checked.
		channels(),
		lock(options.lock),
		leader(options.leader),
		// After what its tasks may use: at shutdown it ends before them.
		queue(options.queue),
		session(options.session),
		dedup(options.dedup),
		webhooks(options.webhooks),
		// After every service that what they run may use.
		reactions(options.reactions),
		crons(options.cron)
	]);
}

function middlewareOf(option: readonly Middleware[] | MiddlewareOptions): Plugin<'rpc', never> {
	return 'calls' in option || 'messages' in option
		? middleware(option)
		: middleware(...(option as readonly Middleware[]));
}
