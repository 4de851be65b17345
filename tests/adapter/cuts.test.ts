import { live } from 'svelte-realtime';
import { createClient, type Client, type WebSocketConstructor } from 'svelte-realtime/client';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { cutsOf, cuttingProxy, type Cut, type CuttingProxy } from './cuts/proxy.ts';
import { serve, type Server, type TransportName } from './cuts/server.ts';

interface Row {
	readonly id: number;
}

/** One client whose connection breaks once, and what the server has done for it. */
interface Story {
	readonly key: string;
	readonly server: Server;
	readonly proxy: CuttingProxy;
	readonly client: Client;
	readonly runs: string[];
	readonly rows: Row[];
}

interface Table<T> {
	readonly transport: TransportName;
	/** Another process takes the server's place as soon as the connection is cut. */
	readonly restarts: boolean;
	/** Whether the server learns of the cut: each gets a turn. */
	readonly hearing: readonly boolean[];
	tell(story: Story): Promise<T>;
}

/** Connections that are broken at the same time. */
const AT_ONCE = 24;

/** Tells a story once without a cut, and then once for each byte. */
async function cutEverywhere<T>({ transport, restarts, hearing, tell }: Table<T>) {
	const stories = new Map<string, Story>();
	const start = (): Server => serve(transport, { test: functions(stories) });
	const shared = restarts ? undefined : start();
	let count = 0;

	async function play(cut?: Cut) {
		const key = String((count += 1)).padStart(4, '0');
		const server = shared ?? start();
		await server.port();
		const onCut = (): void => {
			if (restarts) server.replace();
		};
		const proxy = await cuttingProxy(server.port, cut, onCut);
		const client = createClient({
			url: proxy.url,
			WebSocket: WebSocket as never as WebSocketConstructor,
			random: () => 0
		});
		const story: Story = { key, server, proxy, client, runs: [], rows: [] };
		stories.set(key, story);
		const told = await tell(story);
		client.close();
		await proxy.close();
		if (!shared) await server.close();
		return { where: JSON.stringify(cut), told, proxy };
	}

	const { proxy } = await play();
	const cuts = hearing.flatMap((isHeard) => cutsOf(proxy, isHeard));
	expect(cuts.length).toBeGreaterThan(200);
	const all: Awaited<ReturnType<typeof play>>[] = [];
	const work = async (): Promise<void> => {
		for (let cut = cuts.pop(); cut; cut = cuts.pop()) all.push(await play(cut));
	};
	await Promise.all(Array.from({ length: AT_ONCE }, work));
	await shared?.close();

	// Those behind the last byte do not happen; the others have to.
	const missed = all.filter(({ proxy: { wasCut } }) => !wasCut);
	expect(missed.length).toBeLessThan(40 * hearing.length);
	return all;
}

function functions(stories: ReadonlyMap<string, Story>): Record<string, unknown> {
	return {
		now: live((_ctx, key: string) => {
			stories.get(key)!.runs.push('now');
			return 'now';
		}),
		later: live(async (_ctx, key: string) => {
			const { runs, proxy } = stories.get(key)!;
			runs.push('later');
			// A call that is cut off still runs when its client is back.
			if (proxy.wasCut) await proxy.returned;
			else await new Promise((resolve) => setImmediate(resolve));
			return 'later';
		}),
		rows: live.stream(
			(_ctx, key: string) => `rows:${key}`,
			(_ctx, key: string) => [...stories.get(key)!.rows]
		)
	};
}

// --- calls ---

const CALLS = ['now', 'later'];

async function call({ client, key, runs }: Story) {
	const made = CALLS.map(async (name) => {
		try {
			return String(await client.call(`test/${name}`)(key));
		} catch (error) {
			return (error as { code?: string }).code ?? String(error);
		}
	});
	return { outcomes: await Promise.all(made), runs };
}

// Who is not told of an end knows as little of it over either transport.
describe.each([
	{ transport: 'uws', hearing: [true] },
	{ transport: 'node', hearing: [true, false] }
] as const)('on $transport, cut behind every byte', ({ transport, hearing }) => {
	test('a call runs exactly once and resolves, heard or unheard', async () => {
		const table = { transport, hearing, restarts: false, tell: call };

		for (const { where, told } of await cutEverywhere(table)) {
			expect(told.outcomes, where).toEqual(CALLS);
			expect(told.runs.sort(), where).toEqual(['later', 'now']);
		}
	}, 120_000);

	test('a stream ends equal to the log, and shows no part of it', async () => {
		const table = { transport, hearing: [true], restarts: false, tell: follow };

		judgeStreams(await cutEverywhere(table));
	}, 120_000);
});

test('cut behind every byte with a restart, a call runs once, or at most once and says so', async () => {
	const ends = new Set<string>();
	const table = { transport: 'node', hearing: [true], restarts: true, tell: call } as const;

	for (const { where, told } of await cutEverywhere(table)) {
		for (const [index, name] of CALLS.entries()) {
			const end = told.outcomes[index]!;
			const times = told.runs.filter((run) => run === name).length;
			ends.add(`${end === name ? 'resolved' : end}, run ${times}`);
			expect([name, 'UNKNOWN_OUTCOME'], where).toContain(end);
			if (end === name) expect(times, where).toBe(1);
			else expect(times, where).toBeLessThanOrEqual(1);
		}
	}

	expect([...ends].sort()).toEqual([
		'UNKNOWN_OUTCOME, run 0',
		'UNKNOWN_OUTCOME, run 1',
		'resolved, run 1'
	]);
}, 120_000);

// --- streams ---

interface Readable {
	subscribe(run: (value: readonly Row[] | undefined) => void): () => void;
}

async function follow({ server, client, key, rows }: Story) {
	const seen: (readonly Row[])[] = [];
	let look = (): void => {};
	const stream = client.stream<(key: string) => Readable>('test/rows')(key);
	stream.subscribe((value) => {
		if (value !== undefined) seen.push(value);
		look();
	});
	const isWhole = (): boolean => JSON.stringify(seen.at(-1)) === JSON.stringify(rows);
	const whole = (): Promise<void> =>
		new Promise((resolve) => {
			look = () => {
				if (isWhole()) resolve();
			};
			look();
		});
	await whole();
	for (const id of [1, 2]) {
		rows.push({ id });
		void server.kernel.publish(`rows:${key}`, 'created', { id });
		await whole();
	}
	return { seen };
}

function judgeStreams(
	all: readonly { where: string; told: { readonly seen: readonly (readonly Row[])[] } }[]
): void {
	const whole = [{ id: 1 }, { id: 2 }];
	for (const { where, told } of all) {
		const lengths = told.seen.map((value) => value.length);
		expect(told.seen.at(-1), where).toEqual(whole);
		for (const value of told.seen) expect(value, where).toEqual(whole.slice(0, value.length));
		expect(lengths, where).toEqual([...lengths].sort());
	}
}

test('cut behind every byte with a restart, a stream ends equal to what is stored', async () => {
	const table = { transport: 'node', hearing: [true], restarts: true, tell: follow } as const;

	judgeStreams(await cutEverywhere(table));
}, 120_000);
