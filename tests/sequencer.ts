/** In which order the test files run, which decides how long all of them take on two cores. */

import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Seconds of what takes long. Where one of them is wrong, that costs time and nothing else. */
const SECONDS: Readonly<Record<string, number>> = {
	'simulator/simulator': 110,
	'e2e/compat': 70,
	'vite/dev-server': 46,
	'e2e/people': 46,
	'e2e/board': 46,
	'e2e/devtools-kit': 36,
	'e2e/playground': 35,
	'e2e/pack': 33,
	'adapter/workers': 29,
	'e2e/rendering': 28,
	'vite/hmr': 27,
	'e2e/demo': 25,
	'chaos/log': 25,
	'e2e/neighbours': 24,
	'e2e/nginx-playground': 24,
	'e2e/identity': 22,
	'e2e/nginx': 22,
	'e2e/adapter': 22,
	'adapter/cuts': 20,
	'vite/kit': 20,
	'e2e/beside-node': 20,
	'e2e/workers': 19,
	'e2e/devtools': 19,
	'plugins/redis-presence': 18,
	'e2e/embed': 17,
	'kernel/fuzz': 16,
	'e2e/plugins-page': 16,
	'e2e/offline': 16,
	'adapter/start': 14,
	'plugins/cluster-cron': 14,
	'vite/types-cost': 13,
	'plugins/redis-cluster': 13,
	'vite/types': 13,
	'adapter/uploads': 12,
	'adapter/hostile': 12,
	'adapter/heap': 12,
	'plugins/postgres-notify': 12,
	'plugins/redis': 11,
	'adapter/transports': 10,
	'presets/parity': 10
};

/** Seconds of a file that is not listed. */
const USUAL = { e2e: 7, unit: 2 };

/**
 * Files with a browser take turns with the others, so that seldom two of them run at a time; among
 * either, those that take longest go first, so that no long one is left alone at the end.
 */
export class LongestFirst extends BaseSequencer {
	override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
		const isE2e = ({ project }: TestSpecification): boolean => project.name === 'e2e';
		const lanes = [files.filter(isE2e), files.filter((file) => !isE2e(file))];
		return lanes
			.flatMap(placed)
			.sort((one, other) => one.place - other.place)
			.map(({ file }) => file);
	}
}

/** The files of a lane, each with the share of the lane's time that comes before it. */
function placed(files: readonly TestSpecification[]): { file: TestSpecification; place: number }[] {
	const timed = files.map((file) => ({ file, seconds: secondsOf(file) }));
	const total = timed.reduce((sum, { seconds }) => sum + seconds, 0);
	let before = 0;
	return timed
		.sort((one, other) => other.seconds - one.seconds)
		.map(({ file, seconds }) => {
			const place = before / total;
			before += seconds;
			return { file, place };
		});
}

function secondsOf({ moduleId, project }: TestSpecification): number {
	const name = relative(import.meta.dirname, moduleId).replace('.test.ts', '');
	return SECONDS[name] ?? (project.name === 'e2e' ? USUAL.e2e : USUAL.unit);
}
