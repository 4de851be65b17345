/** An instance's way to Redis, each of whose connections can fail in a way of its own. */

import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** What a connection is for, by the name that it gives itself; `any` = all of them. */
export type Purpose = 'commands' | 'publish' | 'subscribe' | 'any';

interface Pair {
	readonly near: Socket;
	readonly far: Socket;
	purpose: Purpose;
}

export interface Way {
	readonly url: string;
	/** Breaks these connections, and refuses new ones, until `heal()`. */
	cut(purpose: Purpose): void;
	/** What is sent in one direction does not arrive, and nobody is told, until `heal()`. */
	drop(purpose: Purpose, direction: 'up' | 'down'): void;
	/** Breaks a connection at each answer with this probability: what was asked has been executed. */
	cutAnswers(purpose: Purpose, isDue: () => boolean): void;
	/** Nobody reads what comes from Redis over these, until `heal()`. */
	stall(purpose: Purpose): void;
	/** Makes all of it whole; what was swallowed is gone with its connection. */
	heal(): void;
	/** Leads new connections to another server, and breaks the others. */
	lead(port: number): void;
	close(): Promise<void>;
}

const NAMED = /:(commands|publish|subscribe)\b/;

export async function createWay(target: number): Promise<Way> {
	const pairs = new Set<Pair>();
	const cuts = new Set<Purpose>();
	const drops = new Set<string>();
	const stalls = new Set<Purpose>();
	let isDue: ((purpose: Purpose) => boolean) | undefined;
	let port = target;
	const has = (purposes: ReadonlySet<Purpose>, { purpose }: Pair): boolean =>
		purposes.has('any') || purposes.has(purpose);
	const isDropped = ({ purpose }: Pair, direction: string): boolean =>
		drops.has(`any ${direction}`) || drops.has(`${purpose} ${direction}`);
	const end = ({ near, far }: Pair): void => {
		near.destroy();
		far.destroy();
	};

	const server = createServer((near) => {
		if (cuts.has('any')) return void near.destroy();
		const far = connect(port, '127.0.0.1');
		const pair: Pair = { near, far, purpose: 'any' };
		pairs.add(pair);
		for (const socket of [near, far]) {
			// A break is what the test is about.
			socket.setNoDelay().on('error', () => {});
			socket.on('close', () => {
				pairs.delete(pair);
				end(pair);
			});
		}
		near.on('data', (chunk) => {
			if (pair.purpose === 'any') {
				pair.purpose = (NAMED.exec(chunk.toString('latin1'))?.[1] as Purpose | undefined) ?? 'any';
				if (has(stalls, pair)) far.pause();
			}
			if (has(cuts, pair)) return end(pair);
			if (!isDropped(pair, 'up')) far.write(chunk);
		});
		far.on('data', (chunk) => {
			if (isDue?.(pair.purpose)) return end(pair);
			if (!isDropped(pair, 'down')) near.write(chunk);
		});
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const cutAll = (isMeant: (pair: Pair) => boolean): void => {
		for (const pair of [...pairs]) if (isMeant(pair)) end(pair);
	};
	return {
		url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
		cut(purpose) {
			cuts.add(purpose);
			cutAll((pair) => has(cuts, pair));
		},
		drop: (purpose, direction) => void drops.add(`${purpose} ${direction}`),
		cutAnswers(purpose, decide) {
			isDue = (of) => (purpose === 'any' || of === purpose) && decide();
		},
		stall(purpose) {
			stalls.add(purpose);
			for (const pair of pairs) if (has(stalls, pair)) pair.far.pause();
		},
		heal() {
			// A connection that has lost something on the way is no connection any more.
			cutAll((pair) => isDropped(pair, 'up') || isDropped(pair, 'down'));
			for (const { far } of pairs) far.resume();
			cuts.clear();
			drops.clear();
			stalls.clear();
			isDue = undefined;
		},
		lead(other) {
			port = other;
			cutAll(() => true);
		},
		async close() {
			cutAll(() => true);
			await new Promise((resolve) => server.close(resolve));
		}
	};
}
