/** Which runs of jobs were begun, in Redis: each runs once on all instances. */

import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import type { CronStore, CronVerdict } from 'svelte-realtime/plugins/cron';
import type {} from 'svelte-realtime/plugins/redis';
import { tagged } from '../redis-keys.ts';
import { claim, finish, renew } from './scripts.ts';

/** Lets each run of a job happen on one of all instances: provides `cron.store`. */
export function redisCron(): Plugin<'redis', 'cron.store'> {
	return definePlugin({
		name: 'redis-cron',
		requires: ['redis'],
		provides: ['cron.store'],
		setup(kernel) {
			const { prefix, run } = kernel.use('redis');
			const keysOf = (job: string): [log: string, runner: string] => {
				const base = tagged(prefix, `cron:${job}`);
				return [`${base}:runs`, `${base}:runner`];
			};
			const flag = (is: boolean): number => (is ? 1 : 0);

			kernel.provide('cron.store', {
				async time() {
					const [seconds, micros] = await run('cron', (client) => client.time());
					return Number(seconds) * 1000 + Number(micros) / 1000;
				},
				async claim({ job, due, owner, overlap, makeUp }, ttl): Promise<CronVerdict> {
					const about = [due, owner, Math.ceil(ttl), flag(overlap), flag(makeUp)];
					const answer = await run('cron', (client) => claim(client, keysOf(job), about));
					return typeof answer === 'number' ? { askIn: answer } : (answer as 'first' | 'over');
				},
				async renew({ job, owner }, ttl) {
					await run('cron', (client) => renew(client, keysOf(job), [owner, Math.ceil(ttl)]));
				},
				async finish({ job, owner, due }) {
					await run('cron', (client) => finish(client, keysOf(job), [owner, due]));
				}
			} satisfies CronStore);
		}
	});
}
