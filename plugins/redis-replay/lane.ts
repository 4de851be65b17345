/** The publishes of one topic that wait, and what becomes of each. */

import type { Stored } from '../log-line.ts';
import type { TopicKeys } from './keys.ts';

/** What became of one publish. */
export type Outcome =
	| { readonly status: 'stored'; readonly epoch: string; readonly seq: number }
	/** It surely did not happen. */
	| { readonly status: 'down' | 'full' }
	/** The store answered that it would not. */
	| { readonly status: 'refused'; readonly error: unknown }
	| { readonly status: 'unknown' };

export interface Waiting extends Stored {
	readonly line: string;
	/** When it has waited for too long. */
	readonly until: number;
	/** Its number, once it is stored. */
	seq: number;
	resolve(outcome: Outcome): void;
}

export interface Lane {
	readonly topic: string;
	readonly keys: TopicKeys;
	waiting: Waiting[];
	isBusy: boolean;
}
