/** What the network is made to do, so that an app's author sees its page recover. */

import type { RawFrame } from '../../../kernel/protocol.ts';

/** Seen from the page: what arrives, and what leaves. */
export type Direction = 'in' | 'out';

/** Which frames are lost. */
export interface DropRule {
	/** Of those that can be lost, from 0 to 1. */
	share: number;
	/** As many are lost next, whatever the share. */
	next: number;
	/** Lost so far. */
	count: number;
}

export interface Faults {
	/** There is no network: what is open ends, and no attempt to connect succeeds. */
	readonly isCut: boolean;
	/** Milliseconds that a message takes longer, each way; at most 10,000. */
	delay: number;
	/** `in`: events of logged topics, whose loss the client has to notice. `out`: calls. */
	readonly drop: Readonly<Record<Direction, DropRule>>;
	/** Whether anything is not as the network itself has it. */
	readonly isActive: boolean;
	cut(): void;
	resume(): void;
	/** Ends all of it. */
	reset(): void;
	/** Decides about a frame, and counts. */
	loses(direction: Direction, frame: RawFrame): boolean;
	/** What is wrong, in words: empty where nothing is. */
	describe(): string[];
	/** Hears that the network was cut, or is back. */
	onCut(listener: (isCut: boolean) => void): void;
}

/** Milliseconds; a connection that takes longer than 15 s to begin is given up. */
export const LONGEST_DELAY = 10_000;

/** @param random A number from 0 up to 1. */
export function createFaults(random: () => number): Faults {
	const listeners: ((isCut: boolean) => void)[] = [];
	const drop = { in: rule(), out: rule() };
	let isCut = false;
	let delay = 0;

	function setCut(next: boolean): void {
		if (isCut === next) return;
		isCut = next;
		for (const listener of listeners) listener(next);
	}

	return {
		get isCut() {
			return isCut;
		},
		get delay() {
			return delay;
		},
		set delay(ms) {
			delay = Number.isFinite(ms) ? Math.min(Math.max(ms, 0), LONGEST_DELAY) : 0;
		},
		drop,
		get isActive() {
			return this.describe().length > 0;
		},
		cut: () => setCut(true),
		resume: () => setCut(false),
		reset() {
			delay = 0;
			for (const each of [drop.in, drop.out]) Object.assign(each, rule());
			setCut(false);
		},
		loses(direction, frame) {
			if (!canBeLost(direction, frame)) return false;
			const own = drop[direction];
			if (own.next > 0) own.next -= 1;
			else if (!(random() < own.share)) return false;
			own.count += 1;
			return true;
		},
		describe() {
			const words = (own: DropRule, what: string): string[] => [
				...(own.share > 0 ? [`${Math.round(own.share * 100)} % of ${what} are lost`] : []),
				...(own.next > 0 ? [`the next ${own.next} of ${what} are lost`] : [])
			];
			return [
				...(isCut ? ['cut'] : []),
				...(delay > 0 ? [`${delay} ms later, each way`] : []),
				...words(drop.in, 'the events'),
				...words(drop.out, 'the calls')
			];
		},
		onCut: (listener) => void listeners.push(listener)
	};
}

function rule(): DropRule {
	return { share: 0, next: 0, count: 0 };
}

/**
 * A connection loses nothing while it lasts but events that a server with a full buffer leaves out.
 * Ephemeral ones nobody would miss, and an answer to a question never gets lost by itself.
 */
function canBeLost(direction: Direction, frame: RawFrame): boolean {
	if (direction === 'out') return frame.type === 'rpc';
	return frame.type === 'event' && typeof frame['seq'] === 'number';
}
