/** Operations among everything else that happens to a stream, in random order. */

import type { StreamStore } from 'svelte-realtime/client';
import { live, LiveError } from 'svelte-realtime';
import { expect, test } from 'vitest';
import { settle } from '../../kernel/testing/clock.ts';
import { network } from './network.ts';

interface Item {
	readonly id: string;
	readonly text: string;
}
interface Shown {
	readonly id: string;
	readonly text: string;
	outcome: 'pending' | 'done' | 'failed';
}

/** Numbers from 0 up to 1 that a seed determines (mulberry32). */
function seeded(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
}

test('what is shown is the confirmed value with what waits, and in the end the server’s', async () => {
	for (let seed = 1; seed <= 25; seed += 1) {
		const random = seeded(seed);
		let rows: Item[] = [{ id: 'first', text: 'first' }];
		let created = 0;
		let publish: (event: string, item: Item) => unknown = () => {};
		const write = (event: 'created' | 'updated' | 'deleted', item: Item): void => {
			const others = rows.filter(({ id }) => id !== item.id);
			if (event === 'deleted') rows = others;
			else if (others.length === rows.length) rows = [...rows, item];
			else rows = rows.map((row) => (row.id === item.id ? item : row));
			void publish(event, item);
		};
		const waiting: (() => void)[] = [];
		const chat = {
			messages: live.stream('chat', () => rows),
			add: live(async (ctx, _temporary: string, text: string) => {
				if (random() < 0.5) await new Promise<void>((done) => waiting.push(done));
				if (random() < 0.25) throw new LiveError('FORBIDDEN');
				publish = (event, item) => ctx.publish('chat', event, item);
				// Some functions tell nobody what they have done, or not much.
				if (random() < 0.85) write('created', { id: `server-${(created += 1)}`, text });
				publish = foreign;
			})
		};
		const net = await network({ chat });
		const foreign = (event: string, item: Item): unknown => net.kernel.publish('chat', event, item);
		publish = foreign;
		const client = net.client({ timeout: 60_000 });
		const stream = client.stream<StreamStore<Item[]>>('chat/messages');
		const operations: Shown[] = [];
		const failures: unknown[] = [];
		stream.subscribe((value) => {
			try {
				check(value);
			} catch (error) {
				failures.push(error);
			}
		});
		const add = client
			.call('chat/add')
			.optimistic(stream, 'created', (id, text) => ({ id: id as string, text: text as string }));

		/** No operation shows twice; those that wait show, the failed ones do not. */
		function check(value: readonly Item[] | undefined): void {
			if (value === undefined) return;
			const ids = value.map(({ id }) => id);
			expect(new Set(ids).size, `seed ${seed}: a key twice`).toBe(ids.length);
			for (const { id, text, outcome } of operations) {
				const where = `seed ${seed}: ${id} is ${outcome} in ${JSON.stringify(ids)}`;
				const times = value.filter((item) => item.text === text).length;
				if (outcome === 'pending') expect(times, where).toBeGreaterThan(0);
				if (outcome === 'failed') expect(ids, where).not.toContain(id);
			}
		}

		await settle();
		for (let step = 0; step < 50; step += 1) {
			const dice = random();
			const row = rows[Math.floor(random() * rows.length)];
			if (dice < 0.3) {
				const id = `tmp-${operations.length + 1}`;
				const shown: Shown = { id, text: `text-${id}`, outcome: 'pending' };
				operations.push(shown);
				// The server is not told the temporary key; it makes one of its own.
				const call = add(shown.id, shown.text);
				call.then(
					() => (shown.outcome = 'done'),
					() => (shown.outcome = 'failed')
				);
			} else if (dice < 0.5) {
				write('created', { id: `other-${step}`, text: `other-${step}` });
			} else if (dice < 0.6 && row && !row.text.startsWith('text-')) {
				write(random() < 0.5 ? 'deleted' : 'updated', { ...row, text: `${row.text}!` });
			} else if (dice < 0.75) waiting.shift()?.();
			else if (dice < 0.82) net.cut({ deaf: random() < 0.5 });
			else await net.clock.advance(1000);
			await settle();
			check(stream.current);
			expect(failures).toEqual([]);
		}

		while (waiting.length > 0 || operations.some(({ outcome }) => outcome === 'pending')) {
			waiting.shift()?.();
			await net.clock.advance(5000);
			await settle();
		}
		await net.clock.advance(60_000);
		await settle();
		const texts = (list: readonly Item[]): string[] => list.map(({ id }) => id).sort();
		expect(texts(stream.current!), `seed ${seed}`).toEqual(texts(rows));
		client.close();
		await settle();
	}
}, 60_000);
