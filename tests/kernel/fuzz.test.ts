import * as devalue from 'devalue';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { live, LiveError, RealtimeError, type Payload } from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { createTestKernel, settle } from 'svelte-realtime/testing';
import { decode, decodeBinary, encodeBinary } from '../../kernel/protocol.ts';
import { seeded, seedOf, type Random } from './random.ts';

const MESSAGES = process.env['TEST_LONG'] ? 1_000_000 : 100_000;
const CHUNK = 500;

const PATHS = [
	'fuzz/echo',
	'fuzz/later',
	'fuzz/checked',
	'fuzz/checkedLater',
	'fuzz/throws',
	'fuzz/rejects',
	'fuzz/refuses',
	'fuzz/unsendable',
	'fuzz/publish',
	'fuzz/list',
	'fuzz/room',
	'fuzz/log',
	'fuzz/brokenList',
	'fuzz/nothing',
	'__proto__/constructor',
	'constructor/x',
	''
];
const TYPES = [
	'rpc',
	'rpc',
	'rpc',
	'stream',
	'stream',
	'stream:end',
	'subscribe',
	'event',
	'welcome',
	'__proto__',
	''
];
const TEXTS = [
	'',
	'a',
	'größe',
	'😀',
	'\ud800',
	'\u0000',
	'\u202e',
	'__proto__',
	'constructor',
	'"',
	'\\',
	'x'.repeat(300)
];
const CHARACTERS = '{}[]",:\\0123456789.-+eEtfnul \n\u0000\u2028\ud83d\ude00äx'.split('');

const input = v.object({ id: v.number(), tags: v.optional(v.array(v.string())) });
const row = (_ctx: unknown, ...args: unknown[]): unknown => args;

const MODULES = {
	fuzz: {
		echo: live(row),
		later: live(async (...args) => row(...args)),
		checked: live(input, row),
		checkedLater: live(
			v.pipeAsync(
				input,
				v.checkAsync(async ({ id }) => id > 0)
			),
			row
		),
		throws: live(() => {
			throw new Error('boom');
		}),
		rejects: live(() => Promise.reject(undefined as unknown as Error)),
		refuses: live(() => {
			throw new LiveError('FORBIDDEN');
		}),
		unsendable: live(() => [() => {}]),
		publish: live((ctx, topic: string, data: unknown) => ctx.publish(topic, 'said', data)),
		list: live.stream('list', async () => [1, 2]),
		room: live.stream((_ctx, room: unknown) => `room:${String(room)}`, row),
		log: live.stream('log', null, { merge: 'latest' }),
		brokenList: live.stream('broken', () => {
			throw new Error('boom');
		})
	}
};

// --- making frames ---

function value(random: Random, depth = 0): unknown {
	const leaf: (() => unknown)[] = [
		() => random.pick(TEXTS),
		() => random.below(100),
		() => random.pick([0, -1, 1.5, 2 ** 53, -(2 ** 60), 1e308]),
		() => random.pick([null, true, false])
	];
	if (depth > 4 || random.chance(0.5)) return random.pick(leaf)();
	const size = random.below(4);
	if (random.chance(0.5)) return Array.from({ length: size }, () => value(random, depth + 1));
	return Object.fromEntries(
		Array.from({ length: size }, () => [random.pick(TEXTS), value(random, depth + 1)])
	);
}

/** A list of arguments in devalue's flat form, sometimes with its references mixed up. */
function flat(random: Random): unknown {
	const rich = random.pick<unknown>([
		[new Date(0), 5n],
		[new Map<unknown, unknown>([['a', new Set([1])]])],
		[undefined, NaN, -0],
		['room', new Uint8Array([1, 2])]
	]);
	const parsed = JSON.parse(devalue.stringify(rich)) as unknown[];
	for (const entry of parsed) {
		if (!Array.isArray(entry) || !random.chance(0.3)) continue;
		entry[random.below(entry.length + 1)] = random.pick([
			0,
			1,
			99,
			-7,
			-1,
			'Map',
			'__proto__',
			null
		]);
	}
	return parsed;
}

function frame(random: Random, id: number): Record<string, unknown> {
	const made: Record<string, unknown> = { type: random.pick(TYPES), path: random.pick(PATHS) };
	if (random.chance(0.9)) made['id'] = random.chance(0.9) ? id : value(random);
	if (random.chance(0.7)) {
		const rich = random.chance(0.2);
		if (rich) made['devalue'] = true;
		made['args'] = rich
			? flat(random)
			: random.chance(0.8)
				? [value(random), value(random)]
				: value(random);
	}
	if (random.chance(0.1))
		made['since'] = random.chance(0.5) ? { epoch: '', seq: 0 } : value(random);
	if (random.chance(0.1))
		made[random.pick(['type', 'path', 'id', 'args', 'devalue'])] = value(random);
	return made;
}

/** Changes some characters of a text. */
function mutated(random: Random, text: string): string {
	let changed = text;
	for (let i = random.below(4); i >= 0; i -= 1) {
		const at = random.below(changed.length + 1);
		const rest = random.pick([at, at + 1, at + random.below(8)]);
		const middle = random.pick(['', random.pick(CHARACTERS), changed.slice(at, at + 6)]);
		changed = changed.slice(0, at) + middle + changed.slice(rest);
	}
	return changed;
}

function message(random: Random, nextId: () => number): Payload {
	const kind = random();
	const one = (): object => frame(random, nextId());
	if (kind < 0.02) return Uint8Array.from({ length: random.below(40) }, () => random.below(256));
	if (kind < 0.06) {
		const bytes = encodeBinary(one() as never, Uint8Array.of(1, 2, 3));
		if (random.chance(0.5)) bytes[random.below(bytes.length)] = random.below(256);
		return random.chance(0.2) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
	}
	if (kind < 0.1) {
		return Array.from({ length: random.below(60) }, () => random.pick(CHARACTERS)).join('');
	}
	if (kind < 0.12) return JSON.stringify(value(random));
	if (kind < 0.13) return '['.repeat(random.below(8000));
	if (kind < 0.2) {
		const length = random.chance(0.1) ? 51 : random.below(6);
		const batch: unknown[] = Array.from({ length }, one);
		if (random.chance(0.2)) batch.push(value(random));
		return JSON.stringify(batch);
	}
	const text = JSON.stringify(one());
	return kind < 0.6 ? mutated(random, text) : text;
}

// --- what must come of them ---

/** What is owed, by reading the message in the plainest way: the ids of frames, and of streams ended. */
function owed(payload: Payload): { answers: number[]; ended: unknown[] } {
	const nothing = { answers: [], ended: [] };
	let parsed: unknown;
	try {
		if (typeof payload === 'string') parsed = JSON.parse(payload);
		else {
			const length = (payload[0]! << 8) | payload[1]!;
			if (payload.length < 2 + length) return nothing;
			parsed = JSON.parse(new TextDecoder().decode(payload.subarray(2, 2 + length)));
			if (Array.isArray(parsed) || typeof (parsed as { type?: unknown }).type !== 'string')
				return nothing;
		}
	} catch {
		return nothing;
	}
	const entries = (Array.isArray(parsed) ? parsed : [parsed]) as { type?: unknown; id?: unknown }[];
	const isRead = entries.length <= 50 && entries.every((entry) => typeof entry?.type === 'string');
	const isEnd = (entry: { type?: unknown }): boolean => isRead && entry.type === 'stream:end';
	return {
		answers: entries
			.filter((entry) => typeof entry === 'object' && entry !== null && !isEnd(entry))
			.map(({ id }) => id as number)
			.filter((id) => Number.isSafeInteger(id) && id >= 0),
		ended: entries.filter((entry) => entry !== null && isEnd(entry)).map(({ id }) => id)
	};
}

test(`${MESSAGES} random and mutated messages are decoded without a throw`, () => {
	const seed = seedOf(1);
	const random = seeded(seed);
	let id = 0;
	const read = { frames: 0, malformed: 0 };

	for (let i = 0; i < MESSAGES; i += 1) {
		const payload = message(random, () => (id += 1));
		try {
			const decoded = typeof payload === 'string' ? decode(payload, 50) : decodeBinary(payload);
			if ('malformed' in decoded && !('type' in decoded)) read.malformed += 1;
			else read.frames += 1;
			if ('malformed' in decoded && 'ids' in decoded && Array.isArray(decoded.ids)) {
				expect(decoded.ids.length).toBeGreaterThan(0);
			}
		} catch (error) {
			throw new Error(`TEST_SEED=${seed}, message ${i}: ${JSON.stringify(payload)}`, {
				cause: error
			});
		}
	}

	// Both kinds are really there, or the test proves nothing.
	expect(Math.min(read.frames, read.malformed)).toBeGreaterThan(MESSAGES / 10);
}, 300_000);

test(`a server lives through ${MESSAGES} random and mutated messages, and answers each frame once`, async () => {
	const seed = seedOf(2);
	const random = seeded(seed);
	const kernel = await createTestKernel(single());
	kernel.use('rpc').mount(MODULES);
	let id = 0;
	let answered = 0;

	for (let sent = 0; sent < MESSAGES; sent += CHUNK) {
		const ada = await kernel.connect();
		const wanted = new Map<number, number>();
		const ended = new Set<unknown>();
		for (let i = 0; i < CHUNK; i += 1) {
			const payload = message(random, () => (id += 1));
			const length = Buffer.byteLength(payload as string);
			if (length > kernel.limits.message) continue;
			const due = owed(payload);
			for (const answer of due.answers) wanted.set(answer, (wanted.get(answer) ?? 0) + 1);
			for (const stream of due.ended) ended.add(stream);
			kernel.message(ada.connection, payload, length);
			if (random.chance(0.02)) await Promise.resolve();
		}
		await settle();
		// Streams whose history is lost are loaded within two seconds.
		await kernel.clock.advance(2000);

		const got = new Map<number, number>();
		for (const { type, id } of ada.take()) {
			if (type === 'event' || type === 'stream:heads' || id === null) continue;
			got.set(id as number, (got.get(id as number) ?? 0) + 1);
		}
		// A stream that is ended before it is answered is answered by nobody.
		for (const [due, count] of wanted) {
			if (!ended.has(due) && got.get(due) !== count) {
				throw new Error(
					`TEST_SEED=${seed}, up to message ${sent + CHUNK}: id ${due} was answered ${got.get(due) ?? 0} times, not ${count}`
				);
			}
			got.delete(due);
			answered += count;
		}
		expect([...got.keys()], `TEST_SEED=${seed}: answers that nobody asked for`).toEqual([]);
		expect(ada.connection.isOpen, `TEST_SEED=${seed}`).toBe(true);
		await ada.leave();
	}

	const eve = await kernel.connect();
	await eve.send({ type: 'rpc', id: 1, path: 'fuzz/echo', args: ['fine'] });
	expect(eve.received).toEqual([{ type: 'reply', id: 1, data: ['fine'] }]);
	expect(answered).toBeGreaterThan(MESSAGES / 3);
	expect(kernel.connections.size).toBe(1);
	// What live functions throw is reported; what hooks throw would be a fault of ours.
	const faults = kernel.errors
		.splice(0)
		.filter(({ error }) => error instanceof RealtimeError && error.code === 'RT_HOOK_FAILED');
	expect(faults).toEqual([]);
}, 300_000);
