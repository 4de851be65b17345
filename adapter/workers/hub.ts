/** What all workers share, kept in the supervisor: every worker reaches every port over its own line. */

import type { Clock } from '../../kernel/clock.ts';
import { toWireError } from '../../kernel/live-error.ts';
import { isThenable } from '../../kernel/run.ts';
import type { SharedBounds } from '../../plugins/workers/index.ts';
import { sharedBus } from './bus.ts';
import { sharedGroups } from './groups.ts';
import { sharedInstances } from './instances.ts';
import { sharedLog } from './log.ts';
import { sharedPresence } from './presence.ts';
import { sharedRegistry } from './registry.ts';
import { sharedCursors, sharedLocks, sharedSessions, sharedStores } from './stores.ts';

/** A worker, as the ports know it. */
export interface Peer {
	/** Its kernel's `instanceId`. */
	readonly instance: string;
	/** Sends a line as it is. */
	write(line: string): void;
	/** Tells it of something. */
	tell(event: string, ...args: readonly unknown[]): void;
}

/** One port: what workers may ask of it. */
export interface SharedPort {
	readonly methods: Readonly<Record<string, (peer: Peer, ...args: never[]) => unknown>>;
	/** First character of lines that are not JSON → who takes them. */
	readonly lines?: Readonly<Record<string, (peer: Peer, line: string) => void>>;
	/** The worker has ended, and so has all that it had here. */
	gone?(peer: Peer): void;
}

export interface HubOptions {
	readonly clock: Clock;
	/** What failed, though no worker can have meant it to. */
	report(error: unknown): void;
}

/** The line of one worker. */
export interface HubLine {
	receive(line: string): void;
	/** The worker has ended, in whatever way. */
	gone(): void;
}

export interface Hub {
	/** @param send Takes a line without a line break. */
	join(send: (line: string) => void): HubLine;
	/** How many workers have said who they are. */
	readonly size: number;
}

type Ports = Readonly<Record<string, SharedPort>>;

export function createHub(options: HubOptions): Hub {
	const peers = new Set<Peer>();
	/** Made when the first worker has said how large everything may be. */
	let ports: Ports | undefined;

	return {
		get size() {
			return peers.size;
		},
		join(send) {
			let peer: Peer | undefined;

			function gone(): void {
				if (peer === undefined) return;
				const left = peer;
				peer = undefined;
				peers.delete(left);
				for (const port of Object.values(ports ?? {})) port.gone?.(left);
			}

			function hello(instance: string, bounds: SharedBounds): void {
				ports ??= createPorts(options.clock, bounds);
				peer = {
					instance,
					write: send,
					tell: (event, ...args) => send(JSON.stringify([0, event, ...args]))
				};
				peers.add(peer);
			}

			function take(line: string): void {
				if (line[0] === '[') {
					const [id, name, method, ...args] = JSON.parse(line) as [number, string, string];
					if (name === 'hub') {
						if (method === 'bye') return gone();
						return hello(...(args as unknown as [string, SharedBounds]));
					}
					const run = ports?.[name]?.methods[method];
					if (peer && run) answer(send, id, () => run(peer!, ...(args as never[])));
				} else if (peer) {
					for (const { lines } of Object.values(ports!)) lines?.[line[0]!]?.(peer, line);
				}
			}

			return {
				receive(line) {
					try {
						take(line);
					} catch (error) {
						options.report(error);
					}
				},
				gone
			};
		}
	};
}

/** What is at hand is answered before anything else is taken: the order of all is that of the lines. */
function answer(send: (line: string) => void, id: number, run: () => unknown): void {
	const settle = (result: unknown): void => {
		if (id === 0) return;
		send(JSON.stringify(result === undefined ? [id] : [id, result]));
	};
	const fail = (error: unknown): void => {
		if (id > 0) send(JSON.stringify([id, null, toWireError(error)]));
	};
	try {
		const result = run();
		if (isThenable(result)) result.then(settle, fail);
		else settle(result);
	} catch (error) {
		fail(error);
	}
}

function createPorts(clock: Clock, bounds: SharedBounds): Ports {
	return {
		log: sharedLog(bounds),
		bus: sharedBus(),
		presence: sharedPresence(clock),
		cursors: sharedCursors(clock),
		session: sharedSessions(clock, bounds),
		lock: sharedLocks(clock),
		groups: sharedGroups(clock),
		registry: sharedRegistry(),
		instances: sharedInstances(clock),
		...sharedStores(clock, bounds)
	};
}
