/** What must compile, and what must not. `tsc` runs this file; nothing else does. */

import * as v from 'valibot';
import {
	chain,
	defineConfig,
	definePlugin,
	deny,
	DROP,
	HANDLED,
	live,
	TAKEN,
	type Capabilities,
	type KernelHooks,
	type LiveContext,
	type Plugin,
	type PluginKernel,
	type ProvidedBy
} from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { createTestKernel, provided } from 'svelte-realtime/testing';

type Equal<A, B> =
	(<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Compiles only where `A` and `B` are the same type. */
export type Same<A, B> = Equal<A, B> extends true ? true : never;

interface Weather {
	today(): string;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		weather: Weather;
		'weather.store': object;
		unlisted: { readonly never: true };
	}
	interface Frames {
		'weather:ask': { readonly id: number; readonly place: string };
	}
}

const weather: Plugin<never, 'weather' | 'weather.store'> = definePlugin({
	name: 'weather',
	provides: ['weather', 'weather.store'],
	setup(kernel) {
		kernel.provide('weather', { today: () => 'rain' });
		kernel.provide('weather.store', {});
		// @ts-expect-error the service must be what the capability says
		kernel.provide('weather', { today: () => 5 });
		// @ts-expect-error not named in `provides`
		kernel.provide('replay', {});
	}
});

// --- hooks ---

export function hooks(kernel: PluginKernel<never, never>): void {
	kernel.hook('publish', () => undefined);
	kernel.hook('publish', (ctx) => (ctx.event === 'x' ? DROP : TAKEN));
	kernel.hook('publish', (ctx) => ctx.defer(Promise.resolve()));
	kernel.hook('publish', (ctx) => ctx.take({ status: 'ok', level: 'store' }));
	// @ts-expect-error a publish handler is synchronous
	kernel.hook('publish', async () => {});
	// @ts-expect-error a publish handler is synchronous, whatever the promise is of
	kernel.hook('publish', async () => DROP);
	// @ts-expect-error HANDLED is no answer of a pipe
	kernel.hook('publish', () => HANDLED);
	// @ts-expect-error a gate does not say yes
	kernel.hook('subscribe', () => true);
	// @ts-expect-error a denial is made by deny()
	kernel.hook('upgrade', () => ({ code: 'FORBIDDEN' }));
	kernel.hook('upgrade', async () => deny('FORBIDDEN'));
	kernel.hook('message', async () => HANDLED, { type: 'weather:ask' });
	// @ts-expect-error DROP is no answer of a claim
	kernel.hook('message', () => DROP);
	// @ts-expect-error there is no such hook
	kernel.hook('opened', () => {});
	// @ts-expect-error the order has two names, and no numbers
	kernel.hook('open', () => {}, { order: 5 });
	// @ts-expect-error contexts are read, not written
	kernel.hook('open', (ctx) => void (ctx.connection = undefined));
	const remove: () => void = kernel.hook('close', ({ code, reason }) => void [code, reason]);
	remove();
}

// --- capabilities ---

export const user: Plugin = definePlugin({
	name: 'user',
	requires: ['weather'],
	setup(kernel) {
		kernel.use('weather').today();
		kernel.use('weather') satisfies Capabilities['weather'];
		// @ts-expect-error not named in `requires`
		kernel.use('replay');
		// @ts-expect-error a service that may be missing must be looked at first
		kernel.find('replay').follow('x');
		void kernel.find('replay')?.follow('x');
	}
});

// @ts-expect-error there is no such capability
definePlugin({ name: 'x', requires: ['rockets'], setup: () => {} });

export type Provided = Same<ProvidedBy<readonly [typeof weather]>, 'weather' | 'weather.store'>;

export async function testing(): Promise<void> {
	const kernel = await createTestKernel([rpc(), replay(), weather]);
	kernel.use('weather').today();
	void kernel.use('rpc').paths();
	// @ts-expect-error no plugin of the list provides it
	kernel.use('streams');
	// @ts-expect-error a stand-in must be what the capability says
	provided('weather', { tomorrow: () => 'sun' });
}

// --- config and ctx ---

const config = defineConfig({ preset: single(), plugins: [weather] });

declare module 'svelte-realtime/kernel' {
	interface Register {
		config: typeof config;
		user: { readonly name: string } | null;
	}
}

export function context(ctx: LiveContext): void {
	ctx.weather.today() satisfies string;
	ctx.rpc.paths();
	void ctx.publish('topic', 'event', { any: 'data' });
	ctx.user?.name satisfies string | undefined;
	// @ts-expect-error the visitor may be nobody
	void ctx.user.name;
	// @ts-expect-error a name with a dot is a port, for plugins only
	void ctx['weather.store'];
	// @ts-expect-error no plugin of this config provides it
	void ctx.unlisted;
	// @ts-expect-error the clock is for plugins
	void ctx.clock;
}

export async function order(ctx: LiveContext): Promise<void> {
	void ctx.throttle('topic', 'event', { x: 1 }, 16, { key: ctx.path });
	void ctx.debounce('topic', 'event', { x: 1 }, 300, { maxWait: 1000 });
	// @ts-expect-error a window has a length
	void ctx.throttle('topic', 'event', { x: 1 });
	(await ctx.queue.push('key', async (signal) => signal.aborted)) satisfies boolean;
	(await ctx.lock('key', () => 'done', { maxWait: 50, hold: 50 })) satisfies string;
	(await ctx.session.get<{ items: string[] }>('id'))?.items satisfies string[] | undefined;
	// @ts-expect-error what is kept under an id may be anything
	(await ctx.session.get('id'))?.items;
	const outcome = await ctx.dedup.once('id', async () => 1);
	(outcome.first ? outcome.value : outcome.state) satisfies number | 'running' | 'done';
	// @ts-expect-error it may have been done elsewhere
	void outcome.value;
}

// @ts-expect-error there is no such option
defineConfig({ pluggins: [] });
// @ts-expect-error there is no such limit
defineConfig({ limits: { mesage: 5 } });
// @ts-expect-error there is no such class of topic
defineConfig({ topics: { a: 'eternal' } });
// @ts-expect-error there is no such transport
defineConfig({ transport: 'ws' });

// --- live functions ---

const add = live((_ctx, a: number, b: number) => a + b);
export type Add = [
	Same<(typeof add)['~live']['args'], [a: number, b: number]>,
	Same<(typeof add)['~live']['result'], number>,
	Same<ReturnType<typeof add>, number>
];

const later = live(async (ctx: LiveContext) => ctx.weather.today());
export type Later = [
	Same<(typeof later)['~live']['result'], string>,
	Same<ReturnType<typeof later>, Promise<string>>
];

const parsed = live(
	v.object({ at: v.pipe(v.string(), v.transform(Number)) }),
	(_ctx, { at }, more: boolean) => {
		at satisfies number;
		return [at, more] as const;
	}
);
export type Parsed = [
	// What a client passes is the schema's input; what the function gets is its output.
	Same<(typeof parsed)['~live']['args'], [input: { at: string }, more: boolean]>,
	Same<Parameters<typeof parsed>[1], { at: number }>,
	Same<(typeof parsed)['~live']['result'], readonly [number, boolean]>
];

export function calls(ctx: LiveContext): void {
	add(ctx, 1, 2) satisfies number;
	// @ts-expect-error a text is no number
	add(ctx, '1', 2);
	// @ts-expect-error the function needs both
	add(ctx, 1);
	parsed(ctx, { at: 5 }, true);
	// @ts-expect-error on the server it takes what the schema gives
	parsed(ctx, { at: '5' }, true);
}

// @ts-expect-error a schema is not enough
live(v.string());
// @ts-expect-error a type is no schema
live({ text: 'string' }, () => {});

// --- streams ---

interface Row {
	readonly id: number;
}

const rows = live.stream('rows', async (): Promise<Row[]> => []);
export type Rows = [
	Same<(typeof rows)['~live']['args'], []>,
	Same<(typeof rows)['~live']['value'], Row[]>,
	Same<(typeof rows)['~live']['dynamic'], false>
];

const room = live.stream(
	(_ctx, name: string) => `room:${name}`,
	(ctx, name): Row[] => [{ id: name.length + (ctx.user?.name.length ?? 0) }],
	{ merge: 'crud', key: 'id' }
);
export type Room = [
	Same<(typeof room)['~live']['args'], [name: string]>,
	Same<(typeof room)['~live']['value'], Row[]>,
	Same<(typeof room)['~live']['dynamic'], true>
];

const log = live.stream<Row>('log', null, { merge: 'latest', max: 5 });
export type Log = Same<(typeof log)['~live']['value'], Row[]>;

// @ts-expect-error a topic is made without waiting
live.stream(
	async () => 'rows',
	() => []
);
// @ts-expect-error without a loader the value is what the log holds, which is `latest`
live.stream('rows', null);
// @ts-expect-error without a loader the value is what the log holds, which is `latest`
live.stream('rows', null, { merge: 'crud' });
// @ts-expect-error there is no such strategy
live.stream('rows', () => [], { merge: 'append' });
// @ts-expect-error a topic is a name
live.stream(5, () => []);

// --- the rest ---

chain(5, (n) => n + 1) satisfies number | Promise<number>;
export type Handlers = Same<ReturnType<KernelHooks['published']>, void>;
