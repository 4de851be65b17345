import { expect, test } from 'vitest';
import { single } from 'svelte-realtime/presets';
import { startKernel } from '../kernel/tracked.ts';

test('single() is these plugins, in this order, on these hooks', async () => {
	const kernel = await startKernel(single());

	expect(kernel.describe()).toMatchInlineSnapshot(`
		"instances (0 ms): provides instances; uses instances.link
		rpc (0 ms): provides rpc; uses instances, calls.store
		metrics (0 ms): requires rpc
		health (0 ms): provides health
		admission (0 ms)
		identity (0 ms): provides identity; uses replay.log
		middleware (0 ms): requires rpc
		ratelimit (0 ms): provides ratelimit; requires rpc; uses ratelimit.store
		breaker (0 ms): requires rpc
		binary (0 ms): provides binary; requires rpc
		replay (0 ms): provides replay; uses replay.log
		streams (0 ms): provides streams; requires rpc, replay; uses replay.log
		presence (0 ms): provides presence; uses presence.store
		cursors (0 ms): provides cursors; requires streams; uses cursors.store
		groups (0 ms): provides groups; requires presence; uses groups.store
		signals (0 ms): provides signal; uses identity
		registry (0 ms): provides registry; uses identity, registry.store
		invalidation (0 ms): provides invalidate; uses replay.log
		throttle (0 ms): provides throttle
		debounce (0 ms): provides debounce
		channels (0 ms): provides channels; requires rpc
		lock (0 ms): provides lock; uses lock.store
		leader (0 ms): provides leader; uses lock.store
		queue (0 ms): provides queue
		session (0 ms): provides session; uses session.store
		dedup (0 ms): provides dedup; uses dedup.store
		webhooks (0 ms): provides webhooks; requires rpc; uses dedup.store
		reactions (0 ms): provides reactions; requires rpc; uses replay.log, lock.store, topics.bus
		cron (0 ms): provides cron.runs; requires rpc; uses cron.store
		  upgrade: admission (pre) → identity (pre) → ratelimit (pre)
		  open: identity (pre) → admission → signals → registry
		  message: rpc (rpc) → rpc (rpc:session) → rpc (rpc:cancel) → health (health:watch) → identity (identity:token) → binary (binary) → binary (binary:chunk) → streams (stream) → streams (stream:more) → streams (stream:end) → presence (presence:update) → cursors (cursors:move)
		  subscribed: signals (__signal:*) → invalidation (__tag:*)
		  unsubscribe: signals (__signal:*) → invalidation (__tag:*)
		  publish: groups (pre __group:*) → replay (logged)
		  published: groups (__presence:group:*) → groups (__group:*) → invalidation (__tag:*)
		  drain: streams
		  close: rpc → admission → identity → streams → presence → registry
		  ready: instances → rpc → reactions → reactions → cron
		  changed: rpc → signals → registry → reactions → cron
		  shutdown: instances → rpc → metrics → breaker → binary → streams → presence → cursors → groups → throttle → debounce → lock → leader → queue → reactions → reactions → cron → cron"
	`);
});

test('single() hands its options on', () => {
	expect(() => single({ replay: { size: 0 } })).toThrow('"size" of replay()');
	expect(() => single({ ratelimit: { identities: 0 } })).toThrow('"identities" of ratelimit()');
});

test('each single() is of its own', async () => {
	const [one, two] = [await startKernel(single()), await startKernel(single())];

	void one.publish('news', 'e', 1);

	expect(two.publish('news', 'e', 1)).toMatchObject({ position: { seq: 1 } });
});
