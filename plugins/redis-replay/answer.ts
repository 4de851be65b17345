/** What the store answers to frames that it was sent. */

import { readLineage, type Lineage } from '../log-lineage.ts';

export interface Answer {
	readonly epoch: string;
	/** Those of the frames, or that of the first where the others follow on it. */
	readonly numbers: number | readonly number[];
	readonly lineage: Lineage;
	readonly failed: string;
}

const NONE: Lineage = [];

/** Most answers are short: reading one costs as much as the rest of a publish otherwise. */
export function readAnswer(answer: unknown): Answer {
	if (typeof answer === 'string') {
		const end = answer.indexOf(' ');
		const numbers = Number(answer.slice(end + 1));
		return { epoch: answer.slice(0, end), numbers, lineage: NONE, failed: '' };
	}
	const [epoch, numbers, lineage, failed] = answer as [string, number[], string, string];
	return { epoch, numbers, lineage: readLineage(lineage), failed };
}

/** What is in the way of one topic among several, as the driver would say it; undefined for none. */
export function errorOf(answer: unknown): Error | undefined {
	if (typeof answer === 'string') return undefined;
	const [epoch, message] = answer as [string, string];
	return epoch === '' ? Object.assign(new Error(message), { name: 'ReplyError' }) : undefined;
}
