/** How clients that came back were brought up to date, for whoever counts it. */

import type { ResetReason } from './frames.ts';

/** Sent what it missed, or what has changed; or loaded again, for this reason. */
export type ResumeOutcome = 'recovered' | 'delta' | ResetReason;

export interface Resumes {
	/** Hears of each; the result ends it. */
	observe(listener: (outcome: ResumeOutcome) => void): () => void;
	tell(outcome: ResumeOutcome): void;
}

/** @param report Hears what a listener throws, which changes nothing. */
export function createResumes(report: (error: unknown) => void): Resumes {
	const listeners = new Set<{ readonly listener: (outcome: ResumeOutcome) => void }>();
	return {
		observe(listener) {
			const entry = { listener };
			listeners.add(entry);
			return () => void listeners.delete(entry);
		},
		tell(outcome) {
			for (const { listener } of listeners) {
				try {
					listener(outcome);
				} catch (error) {
					report(error);
				}
			}
		}
	};
}
