/** Sessions in Redis: the same on every instance, and after each of them. */

import { createHash } from 'node:crypto';
import { definePlugin, LiveError, type Plugin } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/redis';
import type {} from 'svelte-realtime/plugins/session';
import { checkCount } from '../checks.ts';
import { tagged } from '../redis-keys.ts';

export interface RedisSessionOptions {
	/** Bytes of one value at the most, as it is written down. @default 256 KiB */
	size?: number;
}

/** How a value is written: it begins with this, and `undefined` is nothing else. */
const JSON_TEXT = 'j';
const DEVALUE = 'd';

/**
 * Keeps the values of `session` in Redis: provides `session.store`. One command for each step; the
 * time of a session is counted by Redis. While Redis is away each step throws SERVICE_UNAVAILABLE.
 *
 * The id of a session lets its holder in, so that it is not in Redis: its SHA-256 is.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID
 */
export function redisSession(options: RedisSessionOptions = {}): Plugin<'redis', 'session.store'> {
	const { size = 256 * 1024 } = options;
	checkCount('size', 'redisSession()', size);

	return definePlugin({
		name: 'redis-session',
		requires: ['redis'],
		provides: ['session.store'],
		setup(kernel) {
			const redis = kernel.use('redis');
			const { values } = kernel;

			function keyOf(id: string): string {
				const hash = createHash('sha256').update(id).digest('base64url');
				return tagged(redis.prefix, `session ${hash}`);
			}

			function write(value: unknown): string {
				const { json = '', devalue } = values.encode(value, 'a session');
				const bytes = Buffer.byteLength(json);
				if (bytes <= size) return (devalue ? DEVALUE : JSON_TEXT) + json;
				const why = `The value of a session has at most ${size} bytes; this one has ${bytes}.`;
				throw new LiveError('PAYLOAD_TOO_LARGE', why);
			}

			function read(text: string | null): unknown {
				if (text === null || text.length <= 1) return undefined;
				return values.read({ json: text.slice(1), devalue: text.startsWith(DEVALUE) });
			}

			kernel.provide('session.store', {
				get: async (id, ttl) =>
					read(
						await redis.run('session', (client) => client.getex(keyOf(id), 'PX', Math.ceil(ttl)))
					),
				async set(id, value, ttl) {
					const text = write(value);
					await redis.run('session', (client) => client.set(keyOf(id), text, 'PX', Math.ceil(ttl)));
				},
				touch: (id, ttl) =>
					redis.run('session', async (client) => {
						return (await client.pexpire(keyOf(id), Math.ceil(ttl))) === 1;
					}),
				delete: (id) => redis.run('session', async (client) => (await client.del(keyOf(id))) === 1)
			});
		}
	});
}
