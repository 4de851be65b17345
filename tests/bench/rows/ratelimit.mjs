/** What a check of a rate limit costs, with as many identities as are counted by default. */

import { alternate, compare } from '../compare.mjs';

const IDENTITIES = 5000;
const TURNS = 20;
/** Checks of one turn. */
const COUNT = 100_000;

/** @type {import('../run.mjs').Row} */
export const ratelimit = {
	name: 'ratelimit',
	unit: 'ns of CPU a check',
	async measure({ calibrate, say }) {
		const { memoryRateLimits } = await import('svelte-realtime/plugins/ratelimit');
		const store = memoryRateLimits({ identities: IDENTITIES });
		const policy = { name: 'calls', points: 100, window: 2000 };
		const keys = Array.from({ length: IDENTITIES }, (_, i) => `user ${i}`);
		const nothing = () => undefined;
		const check = calibrate ? nothing : (key) => store.take(key, 1, policy, Date.now());
		const sides = { ours: () => turn(check, keys), control: () => turn(nothing, keys) };
		const rounds = await alternate(sides, { turns: TURNS, say });
		const cost = compare(rounds, ({ cost }) => cost);
		return { ...cost, checksPerSecond: 1e9 / cost.ours, gates: {} };
	}
};

async function turn(check, keys) {
	const since = process.cpuUsage();
	for (let i = 0; i < COUNT; i++) check(keys[i % IDENTITIES]);
	const { user, system } = process.cpuUsage(since);
	return { cost: ((user + system) * 1000) / COUNT };
}
