/** What six hooks add to a publish: two kernels in this process, on a transport that goes nowhere. */

import { alternate, compare } from '../compare.mjs';

const HOOKS = 6;
const TURNS = 20;
/** Publishes of one turn. */
const COUNT = 50_000;
const DATA = { id: 42, author: 'Ada', text: 'Hello everyone, this is a message.', done: false };

/** @type {import('../run.mjs').Row} */
export const publishHooks = {
	name: 'publish-hooks',
	unit: 'ns of CPU a publish',
	async measure({ calibrate, say }) {
		const kernel = await import('svelte-realtime/kernel');
		const none = await nowhere(kernel, 0);
		const six = await nowhere(kernel, calibrate ? 0 : HOOKS);
		const sides = { ours: () => turn(six), control: () => turn(none) };
		const rounds = await alternate(sides, { turns: TURNS, say });
		const cost = compare(rounds, ({ cost }) => cost);
		return { ...cost, gates: { 'ratio <= 1.1': cost.ratio <= 1.1 } };
	}
};

async function nowhere({ createKernel, definePlugin, DROP }, hooks) {
	const watchers = definePlugin({
		name: 'watchers',
		setup(kernel) {
			for (let i = 0; i < hooks; i++) {
				const refused = `refused-${i}`;
				// Looks at the event and lets it pass, as most hooks do with most events.
				kernel.hook('publish', (ctx) => (ctx.event === refused ? DROP : undefined));
			}
		}
	});
	const transport = { name: 'nowhere', publish: () => true, subscribers: () => 0 };
	const kernel = createKernel({ plugins: [watchers], transport });
	await kernel.start();
	return kernel;
}

async function turn(kernel) {
	const since = process.cpuUsage();
	for (let i = 0; i < COUNT; i++) kernel.publish('bench:hooks', 'created', DATA);
	const { user, system } = process.cpuUsage(since);
	return { cost: ((user + system) * 1000) / COUNT };
}
