/** `realtime.config.ts`: the one place for server settings. */

import * as v from 'valibot';
import type { TopicClass } from './contexts.ts';
import { RealtimeError } from './errors.ts';
import { LIMITS, type Limits } from './limits.ts';
import type { Origins } from './origin.ts';
import type { Plugin } from './plugin.ts';
import type { RequestEvent } from './request-event.ts';
import type { MaybePromise } from './transport.ts';

export interface RealtimeConfig<
	Preset extends readonly Plugin[] = readonly Plugin[],
	Plugins extends readonly Plugin[] = readonly Plugin[],
	User = unknown
> {
	/** The list of plugins to begin with. @default single() */
	preset?: Preset;
	/** Come after the preset's; one of the same name replaces the preset's. @default [] */
	plugins?: Plugins;
	/**
	 * Says who a visitor is, once the app's own `handle` has run for them: at each upgrade, and where a
	 * page is rendered. It becomes `ctx.user`; `null` is a visitor whom nobody knows.
	 *
	 * SvelteKit's `error(401)` and `error(403)` refuse the visitor, and so does any other error, which
	 * is reported. It may take `limits.upgradeTimeout`, `handle` included. @default nobody is known
	 *
	 * @example user: (event) => event.locals.user
	 */
	user?(event: RequestEvent): MaybePromise<User>;
	/** Pages that may open a connection. @default 'same-origin' */
	origins?: Origins;
	/** What the server enforces; see the table of limits. @default LIMITS */
	limits?: Partial<Limits>;
	/** Topic patterns and their class. @default what streams and plugins declare, else 'logged' */
	topics?: Readonly<Record<string, TopicClass>>;
	/** Forces one transport. @default 'uws' where it loads, else 'node', with a warning */
	transport?: 'uws' | 'node';
}

/** Filled in by the generated types with the app's own config; types `ctx` in live functions. */
export interface Register {}

/** Returns its argument, typed. @example export default defineConfig({ preset: single() }); */
export function defineConfig<
	const Preset extends readonly Plugin[] = readonly [],
	const Plugins extends readonly Plugin[] = readonly [],
	User = unknown
>(config: RealtimeConfig<Preset, Plugins, User>): RealtimeConfig<Preset, Plugins, User> {
	return config;
}

const positive = v.pipe(v.number(), v.integer(), v.minValue(1));
const limit = Object.fromEntries(Object.keys(LIMITS).map((name) => [name, v.optional(positive)]));
const plugin = v.looseObject({ name: v.string(), setup: v.function() });
const schema = v.strictObject({
	preset: v.optional(v.array(plugin)),
	plugins: v.optional(v.array(plugin)),
	user: v.optional(v.function()),
	origins: v.optional(v.union([v.literal('same-origin'), v.literal('*'), v.array(v.string())])),
	limits: v.optional(
		v.strictObject({
			...limit,
			idleTimeout: v.optional(v.pipe(positive, v.minValue(8000), v.maxValue(960_000)))
		})
	),
	topics: v.optional(v.record(v.string(), v.picklist(['logged', 'ephemeral']))),
	transport: v.optional(v.picklist(['uws', 'node']))
});

/** @throws {RealtimeError} RT_CONFIG_INVALID, or RT_OPTION_INVALID naming the option. */
export function checkConfig(config: unknown): RealtimeConfig {
	if (typeof config !== 'object' || config === null) {
		throw new RealtimeError('RT_CONFIG_INVALID', [
			`it is ${config === null ? 'null' : typeof config}`
		]);
	}
	const { issues } = v.safeParse(schema, config);
	if (issues) {
		const { received, expected, message } = issues[0];
		const option = v.getDotPath(issues[0]) ?? 'config';
		const wanted = expected ?? message;
		throw new RealtimeError('RT_OPTION_INVALID', [option, 'realtime.config', received, wanted]);
	}
	return config as RealtimeConfig;
}

/** The plugins that a config stands for: the preset's, with those of the same name replaced, then the rest. */
export function pluginsOf(
	{ preset, plugins = [] }: RealtimeConfig,
	fallback: () => readonly Plugin[]
): readonly Plugin[] {
	const own = new Map(plugins.map((plugin) => [plugin.name, plugin]));
	const base = preset ?? fallback();
	const names = new Set(base.map(({ name }) => name));
	return [
		...base.map((plugin) => own.get(plugin.name) ?? plugin),
		...plugins.filter(({ name }) => !names.has(name))
	];
}

/** Under a symbol of the registry: a preset may come from another copy of this package. */
const MADE_WITH: unique symbol = Symbol.for('svelte-realtime.made-with') as never;

/** A list of plugins that says what it was made with; the plugins themselves are closures and cannot. */
type Preset = readonly Plugin[] & { readonly [MADE_WITH]?: unknown };

/** Notes the options of a preset on its list, so that a dev server can tell whether they have changed. */
export function presetOf<List extends readonly Plugin[]>(options: unknown, plugins: List): List {
	return Object.defineProperty(plugins, MADE_WITH, { value: options });
}

/** The options that a preset was made with; nothing where it was not made by one of ours. */
export function madeWith(preset: Preset): unknown {
	return preset[MADE_WITH];
}

/**
 * Whether two presets are one and the same: the same plugins, or such of the same names that were
 * made with equal options.
 */
export function isSamePreset(
	one: Preset,
	other: Preset,
	isEqual: (one: unknown, other: unknown) => boolean
): boolean {
	if (one.length !== other.length) return false;
	if (one.every((plugin, place) => plugin === other[place])) return true;
	return (
		MADE_WITH in one &&
		MADE_WITH in other &&
		one.every(({ name }, place) => name === other[place]!.name) &&
		isEqual(one[MADE_WITH], other[MADE_WITH])
	);
}
