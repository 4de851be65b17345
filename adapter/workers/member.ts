/** What makes a process a worker: it was started by a supervisor, and has lines to it. */

import cluster from 'node:cluster';
import { Socket } from 'node:net';
import type { WorkerLink } from '../../plugins/workers/index.ts';
import { linePipe } from './lines.ts';
import type { FromWorker, Reason, ToWorker } from './messages.ts';

/** The variable that a supervisor sets: the number of the worker. */
export const MARK = 'SVELTE_REALTIME_WORKER';
/** The file descriptor of the pipe, behind those of Node's own. */
export const PIPE = 4;

export interface Membership {
	/** Leads to what all workers share. */
	readonly link: WorkerLink;
	/** Whether it is the first that was started: what is true of all of them it says for all. */
	readonly isFirst: boolean;
	/** Says that this worker serves, and how it is whenever it is asked. */
	serve(facts: {
		readonly instance: string | undefined;
		readonly transport: 'uws' | 'node';
		connections(): number;
		/** @param siblings The instances that end at the same time. */
		leave(reason: Reason, siblings: readonly string[]): Promise<void>;
	}): void;
}

/** @returns undefined where this process was not started by a supervisor. */
export function joinSupervisor(
	env: Readonly<Record<string, string | undefined>>
): Membership | undefined {
	if (env[MARK] === undefined || !cluster.isWorker) return undefined;
	const link = linePipe(new Socket({ fd: PIPE, readable: true, writable: true }));
	let leave: (reason: Reason, siblings: readonly string[]) => Promise<void> = async () => {};
	let connections = (): number => 0;
	const tell = (message: FromWorker): void => void process.send?.(message, () => {});

	process.on('message', (message: ToWorker) => {
		if (message.type === 'ping') {
			tell({ type: 'pong', memory: process.memoryUsage.rss(), connections: connections() });
		} else if (message.type === 'leave') {
			void leave(message.reason, message.siblings).then(() => process.exit(0));
		}
	});
	// It has no use without what it shares with others, and its supervisor starts no other one.
	process.once('disconnect', () => process.exit(1));
	// A terminal that closes, or an operator who means the whole group, means the supervisor.
	process.on('SIGHUP', () => {});

	return {
		link,
		isFirst: env[MARK] === '1',
		serve(facts) {
			({ leave, connections } = facts);
			tell({ type: 'ready', instance: facts.instance, transport: facts.transport });
		}
	};
}
