/** Clients of the app of `workers-app.ts` and of the fixture `workers`: both have the same functions. */

import type { LiveError } from 'svelte-realtime';
import type { Client } from 'svelte-realtime/client';
import { until } from './until.ts';

export const call = (client: Client, name: string, ...args: unknown[]): Promise<any> =>
	client.call(`app/${name}`)(...args) as Promise<any>;

/** What a client has of the stream `lines`, as it came: one that was loaded again has lost it. */
export async function follow(client: Client): Promise<{ ids(): string[] }> {
	const stream = client.stream('app/lines');
	let items: readonly { id: string }[] | undefined;
	stream.subscribe((value) => void (items = value as typeof items));
	await until(() => items !== undefined);
	return { ids: () => items!.map(({ id }) => id) };
}

export interface Publisher {
	/** What was acknowledged. */
	readonly done: readonly string[];
	/** Codes and messages. */
	readonly failures: readonly string[];
	stop(): Promise<void>;
}

/** Publishes one line after the other, until `stop`. */
export function publish(client: Client, name = ''): Publisher {
	const done: string[] = [];
	const failures: string[] = [];
	let isOver = false;
	const loop = (async () => {
		for (let n = 0; !isOver && failures.length < 100; n += 1) {
			await call(client, 'add', `${name}${n}`).then(
				() => done.push(`${name}${n}`),
				(error: LiveError) => failures.push(`${error.code} ${error.message}`)
			);
			// Enough for a load, and a client that was closed answers at once.
			await new Promise((resolve) => setTimeout(resolve, 2));
		}
	})();
	return {
		done,
		failures,
		async stop() {
			isOver = true;
			await loop;
		}
	};
}
