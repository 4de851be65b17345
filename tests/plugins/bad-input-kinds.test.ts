/** Every kind of live export, asked for in every way that a client has: rightly, wrongly, with anything. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CODES } from 'svelte-realtime/kernel';
import { guard, LiveError, type ModuleGuard } from 'svelte-realtime';
import type {} from 'svelte-realtime/plugins/streams';
import { single } from 'svelte-realtime/presets';
import { createTestEnv, createTestKernel, endTestKernels, settle } from 'svelte-realtime/testing';
import { KINDS, SERVER_ONLY } from '../../vite/kinds.ts';
import { DYNAMIC, samples } from './kinds.ts';

const ran: string[] = [];
const SAMPLES = samples(ran);

/** The frames that name a path; each asks for what is of the same kind. */
const ASKED = { rpc: {}, stream: {}, binary: { size: 0 } };
type Asked = keyof typeof ASKED;
const HOW = Object.keys(ASKED) as Asked[];

/** Kinds of declarations, by path, parts included. */
const kinds = new Map<string, string>();

async function serving(modules: object = { all: SAMPLES, more: DYNAMIC }) {
	const kernel = await createTestKernel(single({ ratelimit: { calls: false } }));
	kernel.use('rpc').watch((_declarations, paths) => {
		kinds.clear();
		for (const [path, { kind }] of paths) kinds.set(path, kind);
	});
	kernel.mount(modules as never);
	const ada = await kernel.connect({ user: { id: 'ada', name: 'Ada' } });
	ran.length = 0;
	let id = 0;

	/** What is said of one frame. */
	async function ask(type: Asked, path: unknown, more: object = {}): Promise<string | undefined> {
		id += 1;
		await ada.send({ type, id, path, ...ASKED[type], ...more });
		for (let turn = 0; turn < 3; turn += 1) await settle();
		const answers = ada.take().filter((frame) => frame['id'] === id && frame.type !== 'event');
		// An upload of nothing is told how much may come, and is answered then.
		const last = answers.at(-1);
		const error = last?.['error'] as { code: string } | undefined;
		return last === undefined ? undefined : (error?.code ?? last.type);
	}
	return { kernel, ada, ask };
}

beforeAll(async () => {
	await serving();
	await endTestKernels();
});
afterAll(() => expect([...kinds.keys()].length).toBeGreaterThan(15));

const paths = (): [path: string, kind: string][] => [...kinds];

test('every kind that the Vite plugin knows is tried', () => {
	expect(Object.keys(SAMPLES).sort()).toEqual([...Object.keys(KINDS), ...SERVER_ONLY].sort());
});

test('every kind that a browser has a stub of is one that createClient and the test kit have', async () => {
	const env = await createTestEnv({ modules: { all: SAMPLES as never } });
	const ada = await env.connect();
	const stubs = ada.live<Record<string, never>>('all') as unknown as Record<string, unknown>;

	for (const [kind, { client }] of Object.entries(KINDS)) {
		if (client) expect(stubs[kind], kind).toBeDefined();
		else expect(() => stubs[kind], kind).toThrow(/no page can use/);
	}
	for (const kind of SERVER_ONLY) expect(() => stubs[kind], kind).toThrow(/no page can use/);
});

test('what is asked for as what it is, is answered; as anything else it is INVALID_REQUEST and does not run', async () => {
	const { ask } = await serving();

	for (const [path, kind] of paths()) {
		for (const type of HOW.filter((how) => how !== kind)) {
			expect([path, type, await ask(type, path)]).toEqual([path, type, 'INVALID_REQUEST']);
		}
	}
	expect(ran).toEqual([]);

	const right = paths().filter(([, kind]) => kind in ASKED);
	expect(right.length).toBeGreaterThan(12);
	for (const [path, kind] of right) {
		const answer = await ask(kind as Asked, path, { args: ['said', 'x'] });
		expect(answer, path).toMatch(/^(reply|stream:snapshot|VALIDATION|FORBIDDEN|INVALID_REQUEST)$/);
	}
	expect(ran).toEqual(expect.arrayContaining(['rpc', 'binary', 'stream', 'room', 'room.act']));
});

test.each([
	...[
		'',
		' ',
		'all',
		'all/',
		'/all/rpc',
		'all//rpc',
		'all/rpc/',
		'ALL/RPC',
		'all/rpc?x',
		'all\\rpc'
	],
	...['../all/rpc', 'all/../all/rpc', './all/rpc', 'all/./rpc', '%61ll/rpc', 'file:///all/rpc'],
	...['__proto__', '__proto__/x', 'all/__proto__', 'all/constructor', 'all/toString', 'all/then'],
	...['all/room.__proto__', 'all/room.constructor', 'all/room.', 'all/.room', 'all/room.data.x'],
	...['all/_guard', '_guard', 'all/_public', 'all/default', 'all/rpc.handler', 'all/rpc.~live'],
	...['all\u0000/rpc', 'all/rpc\n', '\u202eall/rpc', 'аll/rpc', 'all/rpс', '😀/😀', '\ud800/x'],
	...[
		'x'.repeat(15_000),
		`${'a/'.repeat(5000)}b`,
		null,
		7,
		true,
		['all/rpc'],
		{ path: 'all/rpc' },
		{}
	]
])('the path %j is NOT_FOUND, however it is asked for', async (path) => {
	const { ask } = await serving();

	for (const type of HOW) expect(await ask(type, path), type).toBe('NOT_FOUND');
	expect(await ask('rpc', undefined)).toBe('NOT_FOUND');
	expect(ran).toEqual([]);
	expect(await ask('rpc', 'all/rpc')).toBe('reply');
});

const LISTS: readonly unknown[] = [
	...[[], [null], [undefined], [[]], [{}], ['', ''], ['__proto__'], ['constructor', 'prototype']],
	...[[-1, 1e308, 1.5], [true, false], ['x'.repeat(12_000)], ['\u0000', '\ud800', '\u202e']],
	...[Array.from({ length: 1000 }, (_, i) => i), [JSON.parse('{"__proto__":{"admin":true}}')]],
	...[[{ then: 1, toString: 1, valueOf: 1, length: -1 }], [[[[[[[[[[]]]]]]]]]]],
	...['text', 7, true, { length: 1, 0: 'x' }, null]
];

test('whatever the arguments are, each frame is answered once, with data or a code that there is', async () => {
	const { kernel, ada } = await serving();
	const right = paths().filter(([, kind]) => kind in ASKED);
	const codes = new Set<unknown>();

	let id = 0;
	for (const [path, kind] of right) {
		for (const args of LISTS) {
			for (const devalue of [undefined, true]) {
				id += 1;
				const more = ASKED[kind as Asked];
				await ada.send({ type: kind, id, path, args, devalue, ...more });
				await settle();
				const frames = ada.take().filter((frame) => frame['id'] === id);
				const answers = frames.filter(({ type }) => /^(reply|stream:snapshot)$/.test(type));
				expect(answers, `${path} ${JSON.stringify(args)?.slice(0, 80)}`).toHaveLength(1);
				const error = answers[0]!['error'] as { code: string } | undefined;
				if (error) codes.add(error.code);
				await ada.send({ type: 'stream:end', id });
			}
		}
	}

	expect([...codes].filter((code) => !Object.hasOwn(CODES, code as string))).toEqual([]);
	expect(codes).not.toContain('INTERNAL_ERROR');
	expect(({} as { admin?: unknown }).admin).toBeUndefined();
	expect(ada.connection.isOpen).toBe(true);
	expect(kernel.errors).toEqual([]);
	expect(await ada.call('all/rpc')).toBe('called');
}, 60_000);

test('frames that name what is followed, or sent, by an id of another kind end nothing', async () => {
	const { ada, kernel, ask } = await serving();
	const right = paths().filter(([, kind]) => kind === 'stream');
	const ids = right.map(([path], index) => ({
		type: 'stream',
		id: 5000 + index,
		path,
		args: ['x']
	}));
	for (const frame of ids) await ada.send(frame);
	await kernel.clock.advance(100);
	ada.take();

	for (const { id } of ids) {
		for (const type of ['presence:update', 'cursors:move', 'stream:more', 'rpc:cancel']) {
			await ada.send({ type, id, data: { x: 1 }, state: {}, cursor: 'x' });
		}
		await ada.send({ type: 'binary:chunk', id, at: 0 });
	}
	for (let turn = 0; turn < 3; turn += 1) await settle();

	const told = ada.take().flatMap((frame) => (frame['error'] as { code: string })?.code ?? []);
	expect(told.filter((code) => !Object.hasOwn(CODES, code))).toEqual([]);
	expect(told).not.toContain('INTERNAL_ERROR');
	expect(await ask('rpc', 'all/rpc')).toBe('reply');
	expect(ada.connection.isOpen).toBe(true);
});

// --- guards ---

describe('a guard', () => {
	const refusing: [what: string, _guard: ModuleGuard, code: string | undefined][] = [
		[
			'throws',
			guard(() => {
				throw new TypeError('broken');
			}),
			'INTERNAL_ERROR'
		],
		['rejects', guard((): Promise<void> => Promise.reject(new Error('broken'))), 'INTERNAL_ERROR'],
		[
			'throws what is no error',
			guard(() => {
				throw 'text';
			}),
			'INTERNAL_ERROR'
		],
		[
			'refuses with an error',
			guard(() => {
				throw new LiveError('UNAUTHENTICATED');
			}),
			'UNAUTHENTICATED'
		],
		['says no', guard(() => false), 'FORBIDDEN'],
		['says no later', guard(async () => false), 'FORBIDDEN'],
		['says null', guard((() => null) as never), 'FORBIDDEN'],
		['says something that counts as true', guard((() => 'yes') as never), 'FORBIDDEN'],
		['says it later', guard((async () => ({})) as never), 'FORBIDDEN'],
		['never answers', guard(() => new Promise<void>(() => {})), undefined]
	];

	test.each(refusing)('that %s lets nobody to anything', async (_what, _guard, code) => {
		const { kernel, ask } = await serving({
			all: { _guard, ...SAMPLES },
			more: { _guard, ...DYNAMIC }
		});

		for (const [path, kind] of paths()) {
			if (!(kind in ASKED)) continue;
			expect([path, await ask(kind as Asked, path, { args: ['x'] })]).toEqual([path, code]);
		}

		expect(ran).toEqual([]);
		kernel.errors.length = 0;
	});

	test.each<[string, ModuleGuard]>([
		['nothing', guard(() => {})],
		['a promise of nothing', guard(async () => {})]
	])('that returns %s has no objection', async (_what, _guard) => {
		const { ask } = await serving({ all: { _guard, ...SAMPLES } });

		expect([await ask('rpc', 'all/rpc'), await ask('stream', 'all/stream')]).toEqual([
			'reply',
			'stream:snapshot'
		]);
	});

	test('that refuses is asked for a page that is rendered as well', async () => {
		const _guard = guard(() => false);
		const { kernel } = await serving({ all: { _guard, ...SAMPLES } });
		const request = { url: '/', headers: {}, ip: '::1', origin: undefined };

		for (const [path, kind] of paths()) {
			if (kind !== 'stream') continue;
			const loading = kernel.use('streams').load(path, ['x'], request);
			await expect(loading, path).rejects.toMatchObject({ code: 'FORBIDDEN' });
		}
		expect(ran).toEqual([]);
	});
});
