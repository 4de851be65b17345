/**
 * A member that comes and goes while 10,000 others are in the topic, against one among 100: two kernels
 * in this process, on a transport that goes nowhere. One observer follows the topic.
 */

import assert from 'node:assert/strict';
import { alternate, compare } from '../compare.mjs';

const MANY = 10_000;
const FEW = 100;
/** Members of one turn, each of whom is told of when it comes and when it goes. */
const COUNT = 2000;
const TURNS = 20;
const TOPIC = 'bench';

/** @type {import('../run.mjs').Row} */
export const presenceJoin = {
	name: 'presence-join',
	unit: 'ns of CPU a join and a leave, each with its diff',
	async measure({ calibrate, say }) {
		const many = await topic(calibrate ? FEW : MANY);
		const few = await topic(FEW);
		const sides = { ours: () => turn(many), control: () => turn(few) };
		const rounds = await alternate(sides, { turns: TURNS, say });
		const cost = compare(rounds, ({ cost }) => cost);
		const bytesPerJoin = Math.max(...rounds.ours.map(({ bytes }) => bytes));
		const gates = {
			'ratio <= 1.5': cost.ratio <= 1.5,
			'a join is a diff': bytesPerJoin <= 400
		};
		return { ...cost, bytesPerJoin, gates };
	}
};

/** A topic with so many members, and what lets others come and go. */
async function topic(members) {
	const { createKernel } = await import('svelte-realtime/kernel');
	const { presence } = await import('svelte-realtime/plugins/presence');
	let bytes = 0;
	const transport = {
		name: 'nowhere',
		subscribers: () => 1,
		publish(_topic, text) {
			bytes += Buffer.byteLength(text);
			return true;
		}
	};
	// No interval, so that each join is a frame; no grace, so that each leave is one too.
	const plugins = [presence({ entries: members + 1, interval: 0, grace: 0 })];
	const kernel = createKernel({ plugins, transport });
	await kernel.start();
	const service = kernel.use('presence');
	const dataOf = (n) => ({ id: n, name: `Member number ${n}`, color: '#4a7bd0' });
	const connect = (n) => {
		const socket = { bufferedBytes: 0, send: () => 'sent', cork: (work) => work(), close() {} };
		return kernel.open(socket, { user: dataOf(n) });
	};

	service.follow(TOPIC);
	for (let n = 0; n < members; n++) service.join(TOPIC, connect(n), dataOf(n));
	// One that comes and goes over and over is another matter: a Map finds what was deleted from it slowly.
	const newcomers = Array.from({ length: COUNT }, (_, n) => ({
		connection: connect(members + n),
		data: dataOf(members + n)
	}));
	assert.equal(service.count(TOPIC), members);

	return {
		/** Each of them comes and goes, one after the other. */
		async comeAndGo() {
			for (const { connection, data } of newcomers) {
				service.join(TOPIC, connection, data);
				await undefined;
				service.leave(TOPIC, connection);
				await undefined;
			}
		},
		/** Bytes that went out since the last call. */
		take() {
			const taken = bytes;
			bytes = 0;
			return taken;
		}
	};
}

async function turn({ comeAndGo, take }) {
	take();
	const since = process.cpuUsage();
	await comeAndGo();
	const { user, system } = process.cpuUsage(since);
	return { cost: ((user + system) * 1000) / COUNT, bytes: take() / COUNT };
}
