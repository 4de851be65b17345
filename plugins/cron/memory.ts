/** Which runs of jobs were begun, of processes that share one memory. */

import type { Clock } from 'svelte-realtime/kernel';
import type { CronStore } from './port.ts';

/** What is known of a job. */
interface Job {
	/** When the latest run that was begun, or left out, was due. */
	begun: number;
	/** When the latest that was finished was due. */
	finished: number;
	runner: { readonly owner: string; until: number } | undefined;
}

export function memoryRuns(clock: Clock): CronStore {
	const jobs = new Map<string, Job>();

	function jobOf(name: string): Job {
		const job = jobs.get(name) ?? { begun: -1, finished: -1, runner: undefined };
		jobs.set(name, job);
		if (job.runner && job.runner.until <= clock.now()) job.runner = undefined;
		return job;
	}

	return {
		time: () => clock.now(),
		claim({ job: name, due, owner, overlap, makeUp }, ttl) {
			const now = clock.now();
			if (due > now) return { askIn: due - now };
			const job = jobOf(name);
			const { runner } = job;
			if (runner?.owner === owner) return 'first';
			if (due <= job.begun) {
				if (!makeUp || due <= job.finished) return 'over';
				if (runner) return { askIn: runner.until - now };
			} else if (runner && !overlap) {
				if (makeUp) return { askIn: runner.until - now };
				job.begun = due;
				return 'over';
			}
			job.begun = Math.max(due, job.begun);
			job.runner = { owner, until: now + ttl };
			return 'first';
		},
		renew({ job: name, owner }, ttl) {
			const { runner } = jobOf(name);
			if (runner?.owner === owner) runner.until = clock.now() + ttl;
		},
		finish({ job: name, owner, due }) {
			const job = jobOf(name);
			job.finished = Math.max(due, job.finished);
			if (job.runner?.owner === owner) job.runner = undefined;
		}
	};
}
