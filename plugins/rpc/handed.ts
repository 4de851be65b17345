/** The calls that another instance has taken over: they were sent here first, and have not run here. */

/** Calls of one client that are taken over at the most. */
const CALLS = 1000;

/** Who has taken over a call. */
export interface Taker {
	/** The instance. */
	readonly to: string;
	/** Its question, which it may have to ask twice. */
	readonly ask: string;
}

/** What of one client was taken over. */
export interface Handed {
	readonly calls: Map<number, Taker>;
	/** The latest connection on which any of these was sent. */
	connection: number;
	isIdle: boolean;
}

export interface HandedOptions {
	/** Clients; past it the one that was asked about longest ago is forgotten. */
	readonly most: number;
	/** Nothing is known any more of what was sent on a connection up to this one. */
	forget(connection: number): void;
}

export interface HandedCalls {
	/** By the name of the client's session. */
	find(name: string): Handed | undefined;
	/** False where there is no room. */
	add(name: string, id: number, taken: Taker & { readonly connection: number }): boolean;
	/** Forgets of whom nothing was taken over since the last time. */
	sweep(): void;
}

export function createHanded({ most, forget }: HandedOptions): HandedCalls {
	const clients = new Map<string, Handed>();

	function remove(name: string, { connection }: Handed): void {
		clients.delete(name);
		forget(connection);
	}

	return {
		find: (name) => clients.get(name),
		add(name, id, { to, ask, connection }) {
			const handed = clients.get(name) ?? { calls: new Map(), connection, isIdle: false };
			if (handed.calls.size >= CALLS) return false;
			handed.calls.set(id, { to, ask });
			handed.connection = Math.max(handed.connection, connection);
			handed.isIdle = false;
			clients.delete(name);
			clients.set(name, handed);
			if (clients.size > most) remove(...clients.entries().next().value!);
			return true;
		},
		sweep() {
			for (const [name, handed] of clients) {
				if (handed.isIdle) remove(name, handed);
				else handed.isIdle = true;
			}
		}
	};
}
