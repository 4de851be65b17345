/** What must be true of every schedule once the network is whole again and time has passed. */

import type { SocketConnection } from '../../kernel/connection.ts';
import type { Call, SimulatedClient } from './client.ts';
import type { Followed } from './followed.ts';
import type { Scenario } from './scenario.ts';
import { runUntil } from './time.ts';
import type { World } from './world.ts';

const SECOND = 1000;

/** What a call may end with, and how often its handler may then have run. */
const OUTCOMES: Readonly<Record<string, readonly number[]>> = {
	done: [1],
	CONFLICT: [1],
	FORBIDDEN: [0],
	UNKNOWN_OUTCOME: [0, 1],
	TIMEOUT: [0, 1],
	CONNECTION_CLOSED: [0, 1]
};

/** Lets everything recover, then compares; at last everybody leaves, and nothing may be left. */
export async function judge(world: World, scenario: Scenario): Promise<void> {
	const { time, network } = world;
	const pass = (milliseconds: number): Promise<void> => runUntil(time, time.now + milliseconds);
	world.isHealed = true;
	network.heal();
	await pass(22 * SECOND);
	// A client that comes back late still writes, and what it writes has a way to go.
	for (let seen = -1; seen !== world.database.writes;) {
		seen = world.database.writes;
		await pass(SECOND);
	}
	judgeStreams(world, scenario, (client) => world.isUndisturbed(client.index));
	await pass(100 * SECOND);
	judgeStreams(world, scenario, () => true);
	for (const { calls } of scenario.clients) for (const call of calls) judgeCall(world, call);

	// Everything is live: what happens now is there at once, and not when somebody looks again.
	scenario.nudge();
	await pass(2 * SECOND);
	judgeStreams(world, scenario, () => true);
	if (world.violations.length === 0) await judgeLeaving(world, scenario);
}

function judgeStreams(
	world: World,
	scenario: Scenario,
	isJudged: (client: SimulatedClient) => boolean
): void {
	if (world.violations.length > 0) return;
	for (const client of scenario.clients) {
		if (!isJudged(client)) continue;
		for (const followed of client.followed) judgeStream(world, scenario, client, followed);
	}
}

function judgeStream(
	world: World,
	{ server }: Scenario,
	client: SimulatedClient,
	{ address, value, store }: Followed
): void {
	const { topic, path } = address;
	const name = `c${client.index} ${path}(${address.args.join()})`;
	if (client.client.connection.status !== 'open') {
		world.violation(`c${client.index} is ${client.client.connection.status} at the end`);
	}
	if (!store.ready || store.stale || store.error) {
		world.violation(`${name} is not live: ${store.error?.code ?? (store.stale && 'stale')}`);
	}
	if (topic.startsWith('pointer:')) return;
	const shown = JSON.stringify(value);
	if (topic === 'tail') {
		const last = (value as readonly { n: number }[] | undefined)?.at(-1)?.n;
		const published = server.published.get(topic);
		const mayBeForgotten = last === undefined && world.profile.logTopics < 100;
		if (last !== published && !mayBeForgotten) {
			world.violation(`${name} shows ${shown}, the log ends with ${published}`);
		}
		return;
	}
	const expected = JSON.stringify(world.database.table(topic).value);
	if (shown !== expected) world.violation(`${name} shows ${shown} instead of ${expected}`);
}

function judgeCall(world: World, { argument, outcome }: Call): void {
	const executions = world.database.executions.get(argument) ?? 0;
	if (!OUTCOMES[outcome]?.includes(executions)) {
		world.violation(`${argument} is ${outcome}, and was executed ${executions} times`);
	}
}

async function judgeLeaving(world: World, { server, clients }: Scenario): Promise<void> {
	const { time } = world;
	const expectNone = (what: string, count: number): void => {
		if (count > 0) world.violation(`${count} ${what} are left`);
	};
	for (const client of clients) {
		for (const followed of [...client.followed]) client.leave(followed);
	}
	await runUntil(time, time.now + 5 * SECOND);
	for (const [topic, members] of server.transport.topics) {
		expectNone(`sockets that follow ${topic}`, members.size);
	}
	for (const connection of server.kernel.connections) {
		expectNone(
			'topics of a connection',
			(connection as SocketConnection).followed === undefined ? 0 : 1
		);
	}
	expectNone('topics that are followed in the log', server.followed);

	for (const client of clients) client.client.close();
	await runUntil(time, time.now + 5 * SECOND);
	for (const client of clients) expectNone(`timers of c${client.index}`, client.timers);
	expectNone('connections', server.kernel.connections.size);

	const ended = server.kernel.shutdown();
	await runUntil(time, time.now + SECOND);
	await ended;
	expectNone('timers of the server', server.timers);
}
