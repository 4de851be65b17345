/** An app in a process of its own, which WORKERS makes several of; tests kill and replace them. */

import { live, LiveError } from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { start } from '../../adapter/runtime/index.ts';

if (process.env['CRASH'] === 'boot' && process.env['SVELTE_REALTIME_WORKER']) {
	throw new Error('It crashes as soon as it begins.');
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const app = {
	/** Whoever loads it again has lost what it had. */
	lines: live.stream('lines', () => [], { merge: 'crud', key: 'id' }),
	add: live(async (ctx, id: string) => {
		const { status } = await ctx.publish('lines', 'created', { id });
		if (status !== 'ok') throw new LiveError('SERVICE_UNAVAILABLE');
		return process.pid;
	}),
	pid: live(() => process.pid),
	/** Seconds of processor time. */
	cpu: live(() => {
		const { user, system } = process.cpuUsage();
		return (user + system) / 1e6;
	}),
	slow: live(async (_ctx, ms: number) => {
		await wait(ms);
		return process.pid;
	}),
	room: live.presence('room', { data: (ctx) => ({ connection: ctx.connection.id }) }),
	count: live((ctx) => ctx.presence.count('room')),
	cursors: live.cursors('room'),
	hold: live((ctx, key: string, ms: number) =>
		ctx.lock(key, async () => {
			await wait(ms);
			return process.pid;
		})
	),
	remember: live((ctx, id: string, value: unknown) => ctx.session.set(id, value)),
	recall: live((ctx, id: string) => ctx.session.get(id)),
	crash: live(() => {
		setImmediate(() => process.kill(process.pid, 'SIGKILL'));
	})
};

async function respond(request: Request): Promise<Response> {
	const { pathname, searchParams } = new URL(request.url);
	if (pathname === '/slow') await wait(Number(searchParams.get('ms')));
	return new Response(String(process.pid));
}

await start({
	server: { init: async () => {}, respond },
	load: async () => ({
		config: {
			transport: process.env['TRANSPORT'] as 'uws',
			origins: '*',
			// The load of the tests is more than a client may have.
			preset: single({ ratelimit: false })
		},
		modules: { app }
	}),
	directory: process.env['DIRECTORY'] ?? '/nowhere'
});
