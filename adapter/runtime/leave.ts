/** Sends the clients of an instance that ends to the others, a few at a time. */

import { chain } from '../../kernel/run.ts';
import type { Clock } from '../../kernel/clock.ts';
import { CLOSE } from '../../kernel/codes.ts';
import type { Connection } from '../../kernel/connection.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { MaybePromise } from '../../kernel/transport.ts';
import type {} from '../../plugins/instances/index.ts';
import type {} from '../../plugins/rpc/index.ts';

/** Milliseconds from one socket that is closed to the next: 200 come back in a second. */
const APART = 5;
/** Milliseconds that this takes at the most, whatever their number. */
const LONGEST = 10_000;
/** Milliseconds from one look to the next. */
const TURN = 20;
/**
 * Milliseconds that an instance is there after its last socket: most clients come to another one
 * within a second, and what they ask there of calls that they made here is answered by who knows; for
 * those who come later another instance does. Connections over which requests come get to answer one
 * more, which ends them.
 */
const LINGER = 1500;

export interface LeaveOptions {
	readonly clock: Clock;
	readonly connections: Iterable<Connection>;
	/** Resolves when the calls of its client that run are answered; nothing where none does. */
	answered(connection: Connection): Promise<unknown> | undefined;
	/** Milliseconds over which the others are closed. */
	readonly spread: number;
	/** Milliseconds after which those are left as they are whose calls still run. */
	readonly deadline: number;
}

/**
 * Closes connections evenly over a time, each when its client has the answers to its calls; resolves
 * when all are closed, or at the deadline.
 */
export function closeInTurn(options: LeaveOptions): Promise<void> {
	const { clock, connections, answered, spread, deadline } = options;
	const begun = clock.now();
	const told = new WeakSet<Connection>();
	const waiting = new WeakSet<Connection>();
	const all = [...connections].length;
	let closed = 0;
	let isOver = false;

	/** A client that makes one call after the other is not met between two of them by looking. */
	function close(connection: Connection): void {
		const answers = answered(connection);
		if (answers === undefined) return tell(connection);
		waiting.add(connection);
		const met = (): void => {
			waiting.delete(connection);
			if (!isOver && answered(connection) === undefined) tell(connection);
		};
		void answers.then(met, met);
	}

	function tell(connection: Connection): void {
		told.add(connection);
		closed += 1;
		connection.close(CLOSE.ELSEWHERE, 'Another instance serves on.');
	}

	/** Whether there is somebody left. */
	function look(): boolean {
		const elapsed = clock.now() - begun;
		const due = elapsed >= spread ? Infinity : Math.ceil((all * elapsed) / spread);
		let isLeft = false;
		for (const connection of connections) {
			if (told.has(connection)) continue;
			isLeft = true;
			if (closed >= due || waiting.has(connection)) continue;
			close(connection);
		}
		return isLeft && elapsed < deadline;
	}

	return new Promise((resolve) => {
		const next = (): void => {
			if (look()) return void clock.after(TURN, next);
			isOver = true;
			resolve();
		};
		next();
	});
}

export interface Leaving {
	/** Absent where the app has no sockets. */
	readonly kernel: Kernel | undefined;
	readonly clock: Clock;
	/** Milliseconds; `undefined`: as long as the number of sockets asks for, where others take them. */
	readonly spread: number | undefined;
}

/**
 * Has everybody go elsewhere, where there is such a place; else nothing happens, as the clients of a
 * server that restarts are better told so at once.
 *
 * @param siblings The instances that end at the same time; `undefined`: this one is being replaced.
 * @param deadline Milliseconds.
 */
export async function leave(
	{ kernel, clock, spread }: Leaving,
	siblings: readonly string[] | undefined,
	deadline: number
): Promise<void> {
	const hasOthers = siblings === undefined || (await others(kernel, siblings));
	if (!hasOthers && spread === undefined) return;
	if (kernel) {
		const { connections } = kernel;
		const rpc = kernel.find('rpc');
		await closeInTurn({
			...{ clock, connections, deadline: Math.max(0, deadline - LINGER) },
			answered: (connection) => rpc?.answered(connection),
			spread: spread ?? Math.min(LONGEST, connections.size * APART)
		});
	}
	await new Promise<void>((resolve) => clock.after(LINGER, resolve));
}

function others(kernel: Kernel | undefined, siblings: readonly string[]): MaybePromise<boolean> {
	const instances = kernel?.find('instances');
	if (!kernel || !instances) return false;
	const ending = new Set([kernel.instanceId, ...siblings]);
	return chain(instances.alive(), (alive) => alive.some((instance) => !ending.has(instance)));
}
