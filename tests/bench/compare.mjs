/** How a row compares: ours and the control by turns, on the same machine, in the same minute. */

import { startProcess } from './process.mjs';

/** Rounds that count; one more is made first and thrown away. */
export const ROUNDS = 5;

/**
 * Measures both sides by turns and returns the rounds of each; the first round is discarded.
 *
 * A round is made of turns shorter than a machine's moods: whatever else runs on it meets both
 * sides alike. The fields of a round are the medians of its turns.
 *
 * @param {{ ours: Measure, control: Measure }} sides
 * @param {{ turns: number, say: (text: string) => void }} options
 * @returns {Promise<{ ours: Round[], control: Round[] }>}
 * @typedef {Record<string, number>} Round
 * @typedef {() => Promise<Round>} Measure
 */
export async function alternate(sides, { turns, say }) {
	const rounds = { ours: [], control: [] };
	for (let round = 0; round <= ROUNDS; round++) {
		const values = { ours: [], control: [] };
		for (let turn = 0; turn < turns; turn++) {
			// The order changes too: whoever is second may find a warmer machine.
			const order = (round + turn) % 2 === 0 ? ['control', 'ours'] : ['ours', 'control'];
			for (const side of order) values[side].push(await sides[side]());
		}
		say(round === 0 ? 'warm' : `${round}/${ROUNDS}`);
		if (round === 0) continue;
		for (const side of ['ours', 'control']) rounds[side].push(medians(values[side]));
	}
	return rounds;
}

/** The median of each field. @param {readonly Round[]} turns */
export function medians(turns) {
	const median = (field) => {
		const values = turns.map((turn) => turn[field]).sort((a, b) => a - b);
		return values[values.length >> 1];
	};
	return Object.fromEntries(Object.keys(turns[0]).map((field) => [field, median(field)]));
}

/**
 * One measure of both sides, from the round whose ratio is the median of all rounds, with the
 * least and the greatest ratio beside it. Taking both from one round keeps out what changed
 * between rounds.
 *
 * @param {{ ours: readonly Round[], control: readonly Round[] }} rounds
 * @param {(round: Round) => number} measure
 */
export function compare(rounds, measure) {
	const sorted = rounds.ours
		.map((round, index) => [measure(round), measure(rounds.control[index])])
		.map(([ours, control]) => ({ ours, control, ratio: ours / control }))
		.sort((a, b) => a.ratio - b.ratio);
	return { ...sorted[sorted.length >> 1], spread: [sorted[0].ratio, sorted.at(-1).ratio] };
}

/**
 * Starts a server and a load of its own for each side, and stops them all when `work` is done.
 *
 * @param {{ calibrate: boolean, control?: string | string[], ours?: string | string[], load?: string }} options `calibrate`:
 * the control on both sides; the others: files of the servers, or a file and its arguments, and of the load.
 * @param {(sides: { ours: Side, control: Side }) => Promise<T>} work
 * @template T
 * @typedef {{ server: ReturnType<typeof startProcess>, load: ReturnType<typeof startProcess>, port: number }} Side
 */
export async function withServers(options, work) {
	const {
		calibrate,
		control: bare = 'servers/control.mjs',
		ours: full = 'servers/ours.mjs',
		load: client = 'load.mjs'
	} = options;
	const started = [];
	const start = async (named) => {
		const [file, ...args] = [named].flat();
		const server = startProcess(file, args);
		const load = startProcess(client);
		started.push(server, load);
		return { server, load, port: await server.ask('port') };
	};
	try {
		const control = await start(bare);
		const ours = await start(calibrate ? bare : full);
		return await work({ ours, control });
	} finally {
		await Promise.all(started.map((process) => process.stop()));
	}
}
