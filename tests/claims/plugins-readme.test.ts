import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LIMITS, type Plugin } from 'svelte-realtime';
import { jobs } from 'svelte-realtime/plugins/jobs';
import { METRICS, nameOf, type MetricName } from 'svelte-realtime/plugins/metrics';
import { postgres } from 'svelte-realtime/plugins/postgres';
import { postgresIdempotency } from 'svelte-realtime/plugins/postgres-idempotency';
import { postgresNotify } from 'svelte-realtime/plugins/postgres-notify';
import { postgresReplay } from 'svelte-realtime/plugins/postgres-replay';
import { redis } from 'svelte-realtime/plugins/redis';
import { redisBus } from 'svelte-realtime/plugins/redis-bus';
import { redisCron } from 'svelte-realtime/plugins/redis-cron';
import { redisCursors } from 'svelte-realtime/plugins/redis-cursors';
import { redisGroups } from 'svelte-realtime/plugins/redis-groups';
import { redisIdempotency } from 'svelte-realtime/plugins/redis-idempotency';
import { redisInstances } from 'svelte-realtime/plugins/redis-instances';
import { redisLock } from 'svelte-realtime/plugins/redis-lock';
import { redisPresence } from 'svelte-realtime/plugins/redis-presence';
import { redisRateLimit } from 'svelte-realtime/plugins/redis-ratelimit';
import { redisRegistry } from 'svelte-realtime/plugins/redis-registry';
import { redisReplay } from 'svelte-realtime/plugins/redis-replay';
import { redisSession } from 'svelte-realtime/plugins/redis-session';
import { workers } from 'svelte-realtime/plugins/workers';
import { single } from 'svelte-realtime/presets';
import { plain, read, tableUnder } from './markdown.ts';

const README = read('plugins/README.md');
const folders = readdirSync(new URL('../../plugins', import.meta.url), { withFileTypes: true })
	.filter((entry) => entry.isDirectory())
	.map(({ name }) => name);

/** What is made of the declarations of others, and installs nothing. */
const COMPOSED = [{ name: 'rooms', requires: ['streams', 'presence', 'cursors'] }] as const;

test('the table of plugins is the folders, with what they need and provide', () => {
	const plugins: readonly Pick<Plugin, 'name' | 'requires' | 'provides'>[] = [
		// What an app gives it nothing to do is left out.
		...single({ middleware: [] }),
		...[redis(), redisReplay(), redisBus(), redisInstances()],
		...[redisPresence(), redisCursors(), redisGroups()],
		...[redisLock(), redisCron(), redisRegistry()],
		...[redisRateLimit(), redisSession(), redisIdempotency()],
		...[postgres(), postgresNotify(), postgresReplay(), postgresIdempotency(), jobs()],
		workers({ link: { send() {}, receive() {} } }),
		...COMPOSED
	];
	const rows = tableUnder(README, 'plugin').map((cells) => cells.slice(0, 4).map(plain));
	const names = (capabilities: readonly string[] = []): string => capabilities.join(', ');

	expect(rows.map(([name]) => name).sort()).toEqual([...folders].sort());
	expect(
		rows.map(([name, from, needs, provides]) => ({ name, from, needs, provides })).sort(byName)
	).toEqual(
		plugins
			.map(({ name, requires, provides }) => ({
				name,
				from: `svelte-realtime/plugins/${name}`,
				needs: names(requires),
				provides: names(provides)
			}))
			.sort(byName)
	);
});

function byName(one: { name?: string | undefined }, other: { name?: string | undefined }): number {
	return one.name! < other.name! ? -1 : 1;
}

/** `4 MiB` and `100,000` as numbers. */
function amount(text: string): number {
	const [number, unit] = text.split(' ');
	return Number(number!.replaceAll(',', '')) * (unit === 'MiB' ? 1024 * 1024 : 1);
}

test('the table of options of replay is the code', () => {
	const source = read('plugins/replay/index.ts');
	const defaults = [...source.matchAll(/(\w+): options\.\1 \?\? ([\d_ *]+)/g)].map(
		([, name, value]) => [
			name,
			value!.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1)
		]
	);
	const rows = tableUnder(README, 'option').map(([name, value]) => [plain(name), amount(value!)]);

	expect(defaults).toHaveLength(4);
	expect(rows).toEqual(defaults);
});

test.each([
	['presence', 'presence/index'],
	['cursors', 'cursors/index'],
	['invalidation', 'invalidation/index'],
	['identity', 'identity/index'],
	['throttle', 'coalescing'],
	['debounce', 'coalescing'],
	['queue', 'queue/index'],
	['lock', 'lock/index'],
	['session', 'session/index'],
	['dedup', 'dedup/index'],
	['binary', 'binary/index'],
	['webhooks', 'webhooks/index'],
	['instances', 'instances/index'],
	['redis', 'redis/index'],
	['postgres', 'postgres/index'],
	['postgres-notify', 'postgres-notify/index'],
	['postgres-replay', 'postgres-replay/index'],
	['jobs', 'jobs/index'],
	['redis-ratelimit', 'redis-ratelimit/index'],
	['redis-replay', 'redis-replay/index']
])('the table of options of %s is the code', (plugin, file) => {
	const source = read(`plugins/${file}.ts`);
	const options = [
		...read(`plugins/${plugin}/index.ts`).matchAll(
			/^export interface (\w+)Options \{([\s\S]*?)^\}/gm
		)
	];
	const names = [...options[0]![2]!.matchAll(/^\t(\w+)\?:/gm)].map(([, name]) => name);
	const defaultOf = (name: string): number | undefined => {
		const [, value] = new RegExp(`\\b${name} = ([\\d_ *]+)`).exec(source) ?? [];
		return value?.split('*').reduce((all, each) => all * Number(each.replaceAll('_', '')), 1);
	};

	const rows = tableUnder(README, `of \`${plugin}\``).map(([name, value]) => [
		plain(name),
		/^\d/.test(value!) ? amount(value!) : undefined
	]);

	expect(names.length).toBeGreaterThan(1);
	expect(rows.map(([name]) => name).sort()).toEqual([...names].sort());
	expect(rows).toEqual(rows.map(([name]) => [name, defaultOf(name as string)]));
});

test('the table of metrics is the code', () => {
	const rows = tableUnder(README, 'metric').map((cells) => cells.map(plain));
	const metrics = Object.entries(METRICS).map(([name, [kind, labels, help]]) => [
		nameOf(name as MetricName),
		kind,
		labels.join(', '),
		help
	]);

	expect(rows).toEqual(metrics);
});

test('the table of options of breaker is the code', () => {
	const source = read('plugins/circuit.ts');
	const rows = tableUnder(README, 'of `breaker`').map(([name, value]) => [
		plain(name),
		amount(value!)
	]);

	for (const [name, value] of rows) {
		const written = new RegExp(`\\b${name} = ([\\d_]+)`).exec(source)?.[1];
		expect([name, Number(written?.replaceAll('_', ''))]).toEqual([name, value]);
	}
	expect(rows).toHaveLength(3);
});

test('limits that the README mentions have the defaults that it says', () => {
	const mentioned = [...README.matchAll(/`limits\.(\w+)` \((\d+)\)/g)];

	expect(mentioned.length).toBeGreaterThan(0);
	for (const [, name, value] of mentioned) {
		expect({ [name!]: Number(value) }).toEqual({ [name!]: LIMITS[name as keyof typeof LIMITS] });
	}
});

test('the limits of the main README are the code', () => {
	const rows = tableUnder(read('README.md'), 'limit').map(([name, value]) => [
		plain(name),
		Number(value!.replaceAll(',', ''))
	]);

	expect(Object.fromEntries(rows)).toEqual(LIMITS);
});
