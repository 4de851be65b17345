/** File descriptors: some are kept for files and backends when connections have taken all others. */

import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { RealtimeError } from '../../kernel/errors.ts';

/** File descriptors that connections never get. */
export const RESERVE = 64;
/** Those that must be free beside them before connections are accepted again. */
const ROOM = 16;
/** Milliseconds from one look to the next. */
const LOOK = 100;
/** Looks for each one at whether the door may be opened: the site has none for as long as that takes. */
const SHUT_LOOKS = 3;
/** Turns of the event loop after a door was opened in which each is followed by a look. */
const TURNS = 20;
/** Milliseconds for which the door must have been open before it is told again that it is not. */
const QUIET = 60_000;

/** What lets connections in. */
export interface Door {
	readonly isOpen: boolean;
	/** From now on connections are refused. */
	shut(): void;
	/** Lets them in again; where that fails it is asked again. */
	open(): void;
}

/**
 * Keeps descriptors in reserve, and shuts the door when there are no others.
 *
 * A native server that accepts without a descriptor to accept with asks again at once, for ever. How
 * many there are, nobody need know: the reserve is open files, so that there are others exactly when
 * one more can be opened, on any system. Once they run out these are closed, and the site has them.
 *
 * @param report Is told RT_DESCRIPTORS_SHORT, at most once a minute.
 * @returns ends it; the reserve is let go of.
 */
export function keepReserve(door: Door, report: (error: unknown) => void): () => void {
	const held: number[] = [];
	let wanted = RESERVE;
	let shutAt = -Infinity;
	let turns = 0;
	let looks = 0;
	let isOver = false;

	function letGo(down: number): void {
		while (held.length > down) closeSync(held.pop()!);
	}

	/** Whether there is the reserve, and room for some others. */
	function take(room: number): boolean {
		while (held.length < wanted + room) {
			const descriptor = openDescriptor();
			if (descriptor === undefined) return false;
			held.push(descriptor);
		}
		letGo(wanted);
		return true;
	}

	function look(): void {
		if (isOver) return;
		if (door.isOpen) {
			if (take(1)) return;
			door.shut();
			letGo(0);
			timer.ref();
			if (performance.now() - shutAt > QUIET)
				report(new RealtimeError('RT_DESCRIPTORS_SHORT', [wanted]));
			shutAt = performance.now();
		} else if ((looks += 1) % SHUT_LOOKS !== 0) {
			return;
		} else if (take(ROOM)) {
			door.open();
			if (!door.isOpen) return letGo(0);
			timer.unref();
			turns = TURNS;
			lookOften();
		} else letGo(0);
	}

	/** Whoever has waited outside may all be in with the next turn. */
	function lookOften(): void {
		look();
		turns -= 1;
		if (door.isOpen && turns > 0) setImmediate(lookOften);
	}

	// A process that has hardly any must not spend them all on this.
	if (!take(0)) {
		wanted = held.length >> 2;
		letGo(wanted);
	}
	const timer = setInterval(look, LOOK);
	timer.unref();
	return () => {
		isOver = true;
		clearInterval(timer);
		letGo(0);
	};
}

function openDescriptor(): number | undefined {
	try {
		return openSync(devNull, 'r');
	} catch {
		// Whether this process or the whole system has no more: there is none for a connection either.
		return undefined;
	}
}
