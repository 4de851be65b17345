/** What a saved file changes in the running app: over the real dev server and real sockets. */

import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { devApp, framesOf, type DevApp, type Frame } from './dev-app.ts';

const send = (answer: string): string => `import { live } from 'svelte-realtime';
export const send = live((_ctx, text: string) => text + ' ${answer}');
`;

/** What the app's own code has noted, which runs in this process. */
const notes = ((globalThis as unknown as { noted: string[] }).noted = [] as string[]);
const note = (what: string): string => `(globalThis as any).noted.push('${what}')`;

let dev: DevApp;

afterEach(() => dev.close());

async function serve(files: Record<string, string>): Promise<WebSocket> {
	notes.length = 0;
	dev = await devApp(files);
	await dev.serve();
	return dev.connect();
}

function answers(socket: WebSocket, path: string, answer: unknown): Promise<void> {
	return vi.waitFor(async () => expect(await dev.call(socket, path, 'hi')).toBe(answer), 10_000);
}

const clean = { type: 'update', updates: [] };

test('a renamed module answers by its new path only', async () => {
	const socket = await serve({ 'src/live/chat.ts': send('one') });

	const live = join(dev.app.root, 'src/live');
	await rename(join(live, 'chat.ts'), join(live, 'talk.ts'));

	await answers(socket, 'talk/send', 'hi one');
	await answers(socket, 'chat/send', 'NOT_FOUND');
});

test('modules that are saved at the same time are all taken over', async () => {
	const names = ['a', 'b', 'c', 'd', 'e'];
	const files = (answer: string): [string, string][] =>
		names.map((name) => [`src/live/${name}.ts`, send(answer)]);
	const socket = await serve(Object.fromEntries(files('one')));

	const more = `export const more = live(() => 'more');\n`;
	await Promise.all(files('two').map(([path, code]) => dev.app.write(path, code + more)));

	for (const name of names) {
		await answers(socket, `${name}/send`, 'hi two');
		await answers(socket, `${name}/more`, 'more');
	}
});

test('a module that is saved while another cannot be read is taken over when that can be', async () => {
	const socket = await serve({ 'src/live/a.ts': send('one'), 'src/live/b.ts': send('one') });
	const heard = await dev.listen();

	await dev.app.write('src/live/a.ts', 'export const = ;\n');
	await vi.waitFor(() => expect(heard.at(-1)?.type).toBe('error'), 10_000);
	const told = heard.length;
	await dev.app.write('src/live/b.ts', send('two'));
	await vi.waitFor(() => expect(heard.length).toBeGreaterThan(told), 10_000);
	expect(await dev.call(socket, 'a/send', 'hi')).toBe('hi one');
	expect(await dev.call(socket, 'b/send', 'hi')).toBe('hi one');

	await dev.app.write('src/live/a.ts', send('two'));
	await answers(socket, 'a/send', 'hi two');
	await answers(socket, 'b/send', 'hi two');
});

test('a new module that cannot be read leaves no overlay behind when it is removed', async () => {
	const socket = await serve({ 'src/live/chat.ts': send('one') });
	const heard = await dev.listen();

	await dev.app.write('src/live/late.ts', 'export const = ;\n');
	await vi.waitFor(() => expect(heard.at(-1)?.type).toBe('error'), 10_000);
	await dev.app.remove('src/live/late.ts');

	await vi.waitFor(() => expect(heard.at(-1)).toEqual(clean), 10_000);
	expect(await dev.call(socket, 'chat/send', 'hi')).toBe('hi one');
});

test('an app whose guard cannot be read at first starts when it can be', async () => {
	const guard =
		"import { guard } from 'svelte-realtime';\nexport const _guard = guard(() => true);\n";
	dev = await devApp({ 'src/live/chat.ts': send('one'), 'src/live/_guard.ts': 'export const = ;' });
	await dev.serve();

	const heard = await dev.listen();

	await dev.app.write('src/live/_guard.ts', guard);
	await vi.waitFor(() => expect(heard.at(-1)).toEqual(clean), 15_000);

	expect(await dev.call(await dev.connect(), 'chat/send', 'hi')).toBe('hi one');
});

test('who follows a stream keeps its data, and gets what the new code publishes; the next one loads anew', async () => {
	const board = (version: string): string => `import { live } from 'svelte-realtime';
export const items = live.stream('items', () => [{ id: 0, by: '${version}' }]);
export const add = live((ctx, id: number) => void ctx.publish('items', 'created', { id, by: '${version}' }));
export const version = live(() => '${version}');
`;
	const socket = await serve({ 'src/live/board.ts': board('one') });
	const frames = framesFrom(socket);
	const follow = (on: WebSocket): void =>
		on.send(JSON.stringify({ type: 'stream', id: 900, path: 'board/items' }));
	follow(socket);
	await vi.waitFor(() => expect(snapshot(frames)).toContain('"by":"one"'), 10_000);

	await dev.app.write('src/live/board.ts', board('two'));
	await answers(socket, 'board/version', 'two');
	const loaded = frames.length;
	await dev.call(socket, 'board/add', 7);

	await vi.waitFor(() => expect(eventsIn(frames)).toEqual([{ id: 7, by: 'two' }]), 10_000);
	// Nothing but the event and answers to calls: its data is not loaded again.
	const later = frames.slice(loaded).map(({ type }) => type);
	expect(later.filter((type) => type !== 'reply')).toEqual(['event']);
	const other = await dev.connect();
	const others = framesFrom(other);
	follow(other);
	await vi.waitFor(() => expect(snapshot(others)).toContain('"by":"two"'), 10_000);
});

test('guards, middleware and effects run once after any number of saves, in their last form', async () => {
	const guarded = (n: number): string => `import { guard, live } from 'svelte-realtime';
export const _guard = guard(() => { ${note(`own ${n}`)}; });
export const around = live.middleware(async (_call, next) => { ${note(`around ${n}`)}; return next(); });
export const told = live.effect('news', () => { ${note(`effect ${n}`)}; });
export const say = live((ctx) => { void ctx.publish('news', 'said', 1); return 'said ${n}'; });
`;
	const folder = (n: number): string => `import { guard } from 'svelte-realtime';
export const _guard = guard(() => { ${note(`folder ${n}`)}; });
`;
	const socket = await serve({ 'src/live/a/m.ts': guarded(0), 'src/live/a/_guard.ts': folder(0) });

	for (const n of [1, 2, 3]) {
		await dev.app.write('src/live/a/m.ts', guarded(n));
		await answers(socket, 'a/m/say', `said ${n}`);
		await dev.app.write('src/live/a/_guard.ts', folder(n));
		await vi.waitFor(async () => {
			await dev.call(socket, 'a/m/say');
			expect(notes).toContain(`folder ${n}`);
		}, 10_000);
	}
	notes.length = 0;
	await dev.call(socket, 'a/m/say');

	await vi.waitFor(() => expect(notes).toContain('effect 3'), 10_000);
	expect([...notes].sort()).toEqual(['around 3', 'effect 3', 'folder 3', 'own 3']);

	await dev.app.write('src/live/a/m.ts', send('open'));
	await answers(socket, 'a/m/send', 'hi open');
	notes.length = 0;
	await dev.call(socket, 'a/m/send', 'hi');
	expect(notes).toEqual(['folder 3']);
});

test('a job of the clock keeps its new times and its new code, and the old ones are gone', async () => {
	const job = (pattern: string, name: string): string => `import { live } from 'svelte-realtime';
export const job = live.cron('${pattern}', () => { ${note(name)}; });
export const version = live(() => '${name}');
`;
	const socket = await serve({ 'src/live/jobs.ts': job('* * * * * *', 'one') });
	await vi.waitFor(() => expect(notes).toContain('one'), 10_000);

	await dev.app.write('src/live/jobs.ts', job('* * * * * *', 'two'));
	await answers(socket, 'jobs/version', 'two');
	notes.length = 0;
	await vi.waitFor(() => expect(notes.length).toBeGreaterThanOrEqual(2), 10_000);
	expect(new Set(notes)).toEqual(new Set(['two']));

	// Once a year: whatever runs now would be the one of each second.
	await dev.app.write('src/live/jobs.ts', job('0 0 0 1 1 *', 'three'));
	await answers(socket, 'jobs/version', 'three');
	await dev.app.write('src/live/clock.ts', job('* * * * * *', 'other'));
	notes.length = 0;
	await vi.waitFor(() => expect(notes.length).toBeGreaterThanOrEqual(2), 10_000);
	expect(new Set(notes)).toEqual(new Set(['other']));
});

function framesFrom(socket: WebSocket): Frame[] {
	const frames: Frame[] = [];
	socket.on('message', (raw: Buffer) => frames.push(...framesOf(raw)));
	return frames;
}

/** The value that following a stream was answered with. */
function snapshot(frames: readonly Frame[]): string {
	return JSON.stringify(frames.find(({ type }) => type === 'stream:snapshot') ?? null);
}

function eventsIn(frames: readonly Frame[]): unknown[] {
	return frames.flatMap(({ type, data }) => (type === 'event' ? [data] : []));
}
