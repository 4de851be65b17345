import { expect, test } from 'vitest';
import { settle, VirtualClock } from 'svelte-realtime/testing';
import type { Link } from 'svelte-realtime/plugins/postgres';
import { createReader } from '../../plugins/postgres-notify/reader.ts';

test('whose connection is lost while it takes over does not think that it is the reader', async () => {
	const answers: { sql: string; answer(rows: object[]): void; fail(): void }[] = [];
	let lose = (): void => {};
	const link: Link = {
		isUp: true,
		tried: Promise.resolve(),
		query: (sql) =>
			new Promise((resolve, reject) => {
				const answer = (rows: object[]): void => resolve({ rows } as never);
				const fail = (): void => reject(new Error('Connection terminated unexpectedly'));
				answers.push({ sql, answer, fail });
			}),
		listen: () => () => {},
		onUp: (listener) => (listener(), () => {}),
		onDown: (listener) => ((lose = listener), () => {}),
		renew() {},
		close() {}
	};
	const clock = new VirtualClock();
	const reader = createReader({
		link,
		clock,
		schema: 's',
		channel: 'c',
		check: 1000,
		retention: 1000,
		publish: async () => ({ status: 'ok', level: 'local' }),
		refused() {},
		report(error) {
			throw error;
		}
	});
	const lock = answers.shift()!;
	expect(lock.sql).toContain('pg_try_advisory_lock');
	lock.answer([{ mine: true }]);
	await settle();

	lose();
	answers.shift()!.fail();
	await settle();

	expect(reader.isReading).toBe(false);
	await reader.close();
});
