/** Whatever happens, everybody who looks ends up seeing the same members: those who are there. */

import * as v from 'valibot';
import { expect, test } from 'vitest';
import { live, type Connection } from 'svelte-realtime';
import { createClient, type PresenceStore, type WebSocketLike } from 'svelte-realtime/client';
import type { Member } from 'svelte-realtime/plugins/presence';
import { single } from 'svelte-realtime/presets';
import type { FakeSocket } from 'svelte-realtime/testing';
import { seeded, seedOf, type Random } from '../kernel/random.ts';
import { startKernel } from '../kernel/tracked.ts';

const USERS = ['ada', 'bob', 'cy', 'dora'];
const STEPS = 60;
const online = live.presence('lobby', { state: v.object({ n: v.number() }) });
type Online = PresenceStore<readonly Member[], { n: number }>;

interface Tab {
	readonly user: string;
	readonly store: Online;
	/** What it has said last. */
	said: { readonly n: number } | undefined;
	/** Loses its socket; the client comes back. */
	cut(): void;
	/** The events that arrive next get lost, as in a full send buffer. */
	lose(count: number): void;
	close(): void;
	/** Undefined before it has connected. */
	readonly connection: () => Connection | undefined;
}

async function world() {
	const kernel = await startKernel(single());
	kernel.use('rpc').mount({ app: { online } });

	function open(user: string): Tab {
		let wire: Wire | undefined;
		let losing = 0;

		class Wire implements WebSocketLike {
			onmessage: ((event: never) => void) | null = null;
			onclose: ((event: never) => void) | null = null;
			onerror: ((event: never) => void) | null = null;
			readonly socket: FakeSocket = kernel.transport.socket();
			readonly connection: Connection;

			constructor() {
				wire = this;
				this.socket.send = (payload) => {
					const isEvent = String(payload).startsWith('{"type":"event"');
					if (isEvent && losing > 0) losing -= 1;
					else queueMicrotask(() => this.onmessage?.({ data: payload } as never));
					return 'sent';
				};
				this.connection = kernel.open(this.socket, { user: { id: user, name: user } });
				this.socket.onClose = (code) => {
					kernel.close(this.connection, code, '');
					queueMicrotask(() => this.onclose?.({ code, reason: '' } as never));
				};
			}

			send(text: string): void {
				queueMicrotask(() => {
					if (!this.socket.closed) kernel.message(this.connection, text, text.length);
				});
			}

			close(): void {
				this.socket.end(1000, '');
			}
		}

		const client = createClient({
			url: 'ws://test',
			WebSocket: Wire,
			clock: kernel.clock,
			random: () => 0.5
		});
		const store = client.presence<Online>('app/online');
		store.subscribe(() => {});
		return {
			user,
			store,
			said: undefined,
			cut: () => wire?.socket.end(1006, ''),
			lose: (count) => void (losing = count),
			close: () => client.close(),
			connection: () => wire?.connection
		};
	}

	return { kernel, open };
}

/** What one seed does; afterwards everything that was opened is closed again. */
async function liveThrough(random: Random): Promise<void> {
	const { kernel, open } = await world();
	const { clock } = kernel;
	const presence = kernel.use('presence');
	let tabs: Tab[] = [open('ada')];
	await clock.advance(10);

	const steps: Record<string, (tab: Tab) => void> = {
		join: () => void tabs.push(open(random.pick(USERS))),
		leave: (tab) => {
			tab.close();
			tabs = tabs.filter((other) => other !== tab);
		},
		cut: (tab) => tab.cut(),
		lose: (tab) => tab.lose(1 + random.below(5)),
		say: (tab) => {
			tab.said = { n: random.below(1000) };
			void tab.store.update(tab.said);
		},
		takeBack: (tab) => {
			tab.said = undefined;
			void tab.store.update(null);
		},
		change: (tab) => {
			const connection = tab.connection();
			if (connection) presence.update('lobby', connection, { name: `v${random.below(9)}` });
		},
		look: () => void presence.list('lobby')
	};
	for (let step = 0; step < STEPS; step += 1) {
		const tab = tabs.length > 0 ? random.pick(tabs) : undefined;
		const name = tab && tabs.length < 9 ? random.pick(Object.keys(steps)) : tab ? 'leave' : 'join';
		steps[name]!(tab!);
		if (random.chance(0.7)) await clock.advance(random.pick([0, 0, 7, 60, 900, 6000]));
	}
	for (const tab of tabs) tab.lose(0);
	await clock.advance(120_000);

	const members = (await presence.list('lobby')) as Member[];
	expect(new Set(members.map(({ key }) => key))).toEqual(new Set(tabs.map(({ user }) => user)));
	expect(new Set(members.map(({ key }) => key)).size).toBe(members.length);
	for (const { store } of tabs) expect(store.current).toEqual(members);
	for (const { key, state } of members) {
		const said = tabs.filter(({ user }) => user === key).map((tab) => tab.said);
		// Of several tabs the one used last counts; a connection that came back is one of them.
		expect(said.some((one) => one?.n === (state as { n: number } | undefined)?.n)).toBe(true);
	}

	for (const tab of tabs) tab.close();
	await clock.advance(10_000);
	expect(await presence.list('lobby')).toEqual([]);
}

const seed = seedOf(20_261_122);
const runs = Number(process.env['TEST_RUNS'] ?? 20);

test(`every observer converges to the members that are there (seed ${seed})`, async () => {
	for (let run = 0; run < runs; run += 1) {
		try {
			await liveThrough(seeded(seed + run));
		} catch (cause) {
			throw new Error(`TEST_SEED=${seed + run} TEST_RUNS=1`, { cause });
		}
	}
});
