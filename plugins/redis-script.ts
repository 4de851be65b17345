/** Lua scripts: sent once, then called by their digest. */

import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';

/** A script, as commands are. */
export interface Script {
	(client: Redis, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
}

/** A server forgets its scripts when it restarts; the digest alone then says nothing to it. */
export function script(source: string): Script {
	const digest = createHash('sha1').update(source).digest('hex');
	return (client, keys, args) =>
		client.evalsha(digest, keys.length, ...keys, ...args).catch((error: Error) => {
			if (!String(error.message).startsWith('NOSCRIPT')) throw error;
			return client.eval(source, keys.length, ...keys, ...args);
		});
}
