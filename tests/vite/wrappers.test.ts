import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBreaker, live, pipe } from 'svelte-realtime';
import { declarationOf } from 'svelte-realtime/kernel';
import { single } from 'svelte-realtime/presets';
import { settle, type ReceivedFrame } from 'svelte-realtime/testing';
import * as v from 'valibot';
import * as vite from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KINDS, WRAPPERS } from '../../vite/kinds.ts';
import { createManifest, type Manifest } from '../../vite/manifest.ts';
import { createParser, type Parsers } from '../../vite/parser.ts';
import { clientStub } from '../../vite/stubs.ts';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

/** What the expressions below are made of. */
const scope = {
	live,
	pipe,
	schema: v.pipe(v.string(), v.minLength(2)),
	budget: { points: 1, window: 60_000 },
	breaker: createBreaker(),
	may: (ctx: { user: { isIn?: boolean } | null }) => ctx.user?.isIn === true,
	isOpen: ({ open }: { open: boolean }) => open,
	rows: () => [
		{ id: 1, open: true },
		{ id: 2, open: false }
	],
	echo: (_ctx: unknown, input: unknown) => input
};

const AROUND: Readonly<Record<string, (inner: string) => string>> = {
	validated: (inner) => `live.validated(schema, ${inner})`,
	rateLimit: (inner) => `live.rateLimit(budget, ${inner})`,
	gate: (inner) => `live.gate(may, ${inner})`,
	breaker: (inner) => `live.breaker({ breaker }, ${inner})`,
	pipe: (inner) => `pipe(${inner}, pipe.filter(isOpen))`
};

const INSIDE: Readonly<Record<string, string>> = {
	bare: '(ctx, input) => echo(ctx, input)',
	rpc: 'live((ctx, input) => echo(ctx, input))',
	binary: 'live.binary((ctx, data) => data.length)',
	stream: "live.stream('rows', rows)",
	presence: "live.presence('room')",
	cursors: "live.cursors('room')",
	derived: "live.derived(['source'], rows)",
	aggregate: "live.aggregate('source', { count: { init: 0, reduce: (count) => count + 1 } })",
	room: "live.room({ topic: 'room', init: rows })",
	channel: "live.channel('room', { events: { said: schema } })",
	group: "live.group('team')",
	cron: "live.cron('0 0 * * *', () => {})",
	effect: "live.effect('source', () => {})",
	middleware: 'live.middleware((ctx, next) => next())'
};

/** Which the server alone can tell: a schema that is there already, and what a pipe is around of. */
const AT_BOOT = [/^validated\(validated\((bare|rpc)/, /^breaker\(.*pipe\((derived|aggregate)/];

interface Case {
	readonly name: string;
	readonly code: string;
}

function cases(): Case[] {
	const names = Object.keys(AROUND);
	return Object.entries(INSIDE).flatMap(([inside, code]) =>
		names.flatMap((outer) => [
			{ name: `${outer}(${inside})`, code: AROUND[outer]!(code) },
			...names.map((inner) => ({
				name: `${outer}(${inner}(${inside}))`,
				code: AROUND[outer]!(AROUND[inner]!(code))
			}))
		])
	);
}

const CASES = cases();

/** What an expression comes to when its module is loaded. */
function evaluated(code: string): unknown {
	return new Function(...Object.keys(scope), `return ${code}`)(...Object.values(scope));
}

let dir: string;
let manifest: Manifest;

beforeAll(async () => {
	dir = await mkdtemp(join(tmpdir(), 'wrappers-'));
	const head = "import { live, pipe } from 'svelte-realtime';\n";
	const writing = CASES.map(({ code }, at) =>
		writeFile(join(dir, `m${at}.ts`), `${head}export const it = ${code};\n`)
	);
	await Promise.all(writing);
	manifest = await createManifest(dir, { parse: createParser(vite as unknown as Parsers) });
});

afterAll(() => rm(dir, { recursive: true }));

test('every wrapper stands around every other, and every kind, as the scan says; or neither takes it', () => {
	const wrong: string[] = [];
	let fine = 0;
	for (const [at, { name, code }] of CASES.entries()) {
		const { exports, problems } = manifest.modules.get(`m${at}`)!;
		let kind: string | undefined;
		let error: unknown;
		try {
			kind = declarationOf(evaluated(code))?.kind;
		} catch (cause) {
			error = cause;
		}
		const seen = exports[0]?.kind;
		if (AT_BOOT.some((pattern) => pattern.test(name))) {
			if (!error || seen === undefined) wrong.push(`${name}: no exception any more`);
		} else if (error !== undefined) {
			const isTold = /^\[RT_LIVE_ARGUMENTS\]/.test((error as Error).message);
			if (!isTold) wrong.push(`${name}: ${(error as Error).message}`);
			if (seen !== undefined) wrong.push(`${name}: scanned as ${seen}`);
			if (problems[0]?.code !== 'RT_LIVE_WRAPPED' && !name.includes('pipe(bare)'))
				wrong.push(`${name}: ${problems[0]?.code}`);
		} else {
			fine += 1;
			const expected = kind === 'stream' ? ['stream', 'piped', ...FOLLOWED] : [kind];
			if (!expected.includes(seen)) wrong.push(`${name}: ${kind}, scanned as ${seen}`);
			if (name.includes('pipe(') !== (seen === 'piped')) wrong.push(`${name}: piped, ${seen}`);
		}
	}

	expect(wrong).toEqual([]);
	expect(fine).toBeGreaterThan(60);
	expect(
		Object.keys(WRAPPERS)
			.map((name) => name.trim())
			.sort()
	).toEqual(Object.keys(AROUND).sort());
	expect(Object.keys(KINDS)).toContain('piped');
});

const FOLLOWED = ['presence', 'cursors', 'derived', 'aggregate'];

test('a piped stream has a stub of its own, which the client exports, as it does for what is awaited', async () => {
	const stub = clientStub({ path: 'm', exports: [{ name: 'it', kind: 'piped', version: 2 }] });
	const client: object = await import('svelte-realtime/client');

	expect(stub).toContain('__piped("m/it@2")');
	expect(client).toMatchObject({
		[KINDS.piped.client!]: expect.any(Function),
		[KINDS.piped.awaited!]: expect.any(Function)
	});
});

describe('in whichever order, each means the same', () => {
	const kinds = ['bare', 'rpc', 'stream'];
	const fitting = CASES.filter(({ name, code }) => {
		const inside = /\((\w+)\)+$/.exec(name)![1]!;
		if (!kinds.includes(inside) || AT_BOOT.some((pattern) => pattern.test(name))) return false;
		try {
			return evaluated(code) !== undefined;
		} catch {
			// Refused, which is another test's.
			return false;
		}
	});

	test.each(fitting.map(({ name, code }) => [name, code]))('%s', async (name, code) => {
		const kernel = await startKernel(single());
		kernel.use('rpc').mount({ test: { it: evaluated(code) } });
		const isStream = name.includes('stream');
		const ask = (id: number, input: string): object => ({
			type: isStream ? 'stream' : 'rpc',
			id,
			path: 'test/it',
			...(!isStream && { args: [input] })
		});
		const outcome = (frames: readonly ReceivedFrame[]): unknown => {
			const { data, error } = frames.at(-1)!;
			return (error as { code: string } | undefined)?.code ?? data;
		};
		const stranger = await kernel.connect({ user: { id: 1 } });
		const ada = await kernel.connect({ user: { id: 2, isIn: true } });
		const asked = async (who: typeof ada, id: number, input: string): Promise<unknown> => {
			await who.send(ask(id, input));
			await settle();
			return outcome(who.take());
		};

		const outcomes = [
			await asked(stranger, 1, 'hello'),
			await asked(stranger, 2, 'hello'),
			await asked(ada, 1, 'x'),
			await asked(ada, 2, 'hello')
		];

		const rows = name.includes('pipe') ? [{ id: 1, open: true }] : scope.rows();
		const works = (input: string): unknown => (isStream ? rows : input);
		const isGated = name.includes('gate');
		const isLimited = name.includes('rateLimit');
		expect(outcomes).toEqual([
			isGated ? 'FORBIDDEN' : works('hello'),
			isLimited ? 'RATE_LIMITED' : isGated ? 'FORBIDDEN' : works('hello'),
			name.includes('validated') ? 'VALIDATION' : works('x'),
			isLimited ? 'RATE_LIMITED' : works('hello')
		]);
		expect(takeErrors(kernel)).toEqual([]);
	});
});
