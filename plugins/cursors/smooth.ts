import { fromStore, readable, type Readable } from 'svelte/store';
import type { Cursor } from './frames.ts';

export interface SmoothOptions {
	/** Milliseconds that a cursor takes to where it has moved. @default 80 */
	duration?: number;
}

/** Cursors on their way. */
export interface Smooth<One> extends Readable<readonly One[] | undefined> {
	/** The cursors as they are shown now; an effect that reads them runs again in each frame. */
	readonly current: readonly One[] | undefined;
}

/** One cursor between two places. */
interface Motion<One> {
	readonly from: unknown;
	readonly to: One;
	/** Milliseconds, as animation frames count them; undefined before the first frame. */
	begun: number | undefined;
	/** What is shown. */
	shown: One;
}

/**
 * The same cursors, moving instead of jumping: the numbers in `data`, however deep, go to their new
 * values in `duration` milliseconds; all else changes at once. Nothing runs while nothing moves, and
 * where there are no animation frames nothing is changed.
 *
 * @example const pointers = smooth(board.cursors('a'));
 */
export function smooth<One extends Cursor>(
	cursors: Readable<readonly One[] | undefined>,
	{ duration = 80 }: SmoothOptions = {}
): Smooth<One> {
	const store = readable<readonly One[] | undefined>(undefined, (set) => {
		let motions = new Map<string, Motion<One>>();
		let frame: number | undefined;
		const canMove = typeof requestAnimationFrame === 'function' && duration > 0;

		function show(): void {
			set(Array.from(motions.values(), ({ shown }) => shown));
		}

		function turn(time: number): void {
			frame = undefined;
			let isMoving = false;
			for (const motion of motions.values()) {
				if (motion.shown === motion.to) continue;
				motion.begun ??= time;
				const share = Math.min((time - motion.begun) / duration, 1);
				isMoving ||= share < 1;
				const { to, from } = motion;
				motion.shown = share < 1 ? { ...to, data: between(from, to.data, share) } : to;
			}
			show();
			if (isMoving) frame = requestAnimationFrame(turn);
		}

		const leave = cursors.subscribe((list) => {
			if (!list) return set(undefined);
			const next = new Map<string, Motion<One>>();
			for (const to of list) {
				const known = motions.get(to.key);
				if (known?.to === to) next.set(to.key, known);
				else if (!known || !canMove) next.set(to.key, { from: to.data, to, begun: 0, shown: to });
				else {
					const from = known.shown.data;
					next.set(to.key, { from, to, begun: undefined, shown: { ...to, data: from } });
					frame ??= requestAnimationFrame(turn);
				}
			}
			motions = next;
			show();
		});
		return () => {
			leave();
			if (frame !== undefined) cancelAnimationFrame(frame);
		};
	});
	const view = fromStore(store);
	return {
		subscribe: store.subscribe,
		get current() {
			return view.current;
		}
	};
}

/** What is a share of the way from one value to another; what has no way is the other at once. */
function between(from: unknown, to: unknown, share: number): unknown {
	if (typeof from === 'number' && typeof to === 'number') return from + (to - from) * share;
	if (typeof from !== 'object' || typeof to !== 'object' || !from || !to) return to;
	if (Array.isArray(to)) {
		if (!Array.isArray(from) || from.length !== to.length) return to;
		return to.map((item, index) => between(from[index], item, share));
	}
	const mixed: Record<string, unknown> = {};
	for (const [key, value] of Object.entries(to)) {
		mixed[key] = between((from as Record<string, unknown>)[key], value, share);
	}
	return mixed;
}
