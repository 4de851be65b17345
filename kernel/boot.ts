/** Starting plugins: their order, their time, and what they turned out to be. */

import type { Clock } from './clock.ts';
import { RealtimeError } from './errors.ts';
import type { HookTable } from './hooks.ts';
import type { HookName, Plugin } from './plugin.ts';
import type { MaybePromise } from './transport.ts';

/** Providers before users, otherwise the order of the list. */
export function sortPlugins(plugins: readonly Plugin[]): readonly Plugin[] {
	const providers = new Map<string, Plugin>();
	const names = new Set<string>();
	for (const plugin of plugins) {
		if (names.has(plugin.name)) throw new RealtimeError('RT_PLUGIN_DUPLICATE', [plugin.name]);
		names.add(plugin.name);
		for (const capability of plugin.provides ?? []) {
			const other = providers.get(capability);
			if (other) {
				throw new RealtimeError('RT_CAPABILITY_TAKEN', [other.name, plugin.name, capability]);
			}
			providers.set(capability, plugin);
		}
	}

	const sorted = new Set<Plugin>();
	const visit = (plugin: Plugin, path: readonly Plugin[]): void => {
		if (sorted.has(plugin)) return;
		const seen = path.indexOf(plugin);
		if (seen >= 0) {
			const circle = [...path.slice(seen), plugin].map(({ name }) => name).join(' → ');
			throw new RealtimeError('RT_CAPABILITY_CYCLE', [circle]);
		}
		const below = [...path, plugin];
		for (const capability of plugin.requires ?? []) {
			if (capability === 'clock') continue;
			const provider = providers.get(capability);
			if (!provider) throw new RealtimeError('RT_CAPABILITY_MISSING', [plugin.name, capability]);
			visit(provider, below);
		}
		for (const capability of plugin.optional ?? []) {
			const provider = providers.get(capability);
			if (provider) visit(provider, below);
		}
		sorted.add(plugin);
	};
	for (const plugin of plugins) visit(plugin, []);
	return [...sorted];
}

/** @throws {RealtimeError} RT_PLUGIN_TIMEOUT when `work` takes longer than `timeout` milliseconds. */
export async function withTimeout<T>(
	work: () => MaybePromise<T>,
	clock: Clock,
	timeout: number,
	plugin: string,
	what: string
): Promise<T> {
	let cancel: (() => void) | undefined;
	const late = new Promise<never>((_, reject) => {
		cancel = clock.after(timeout, () => {
			reject(new RealtimeError('RT_PLUGIN_TIMEOUT', [plugin, what, timeout]));
		});
	});
	try {
		return await Promise.race([work(), late]);
	} finally {
		cancel?.();
	}
}

const HOOKS: readonly HookName[] = [
	'upgrade',
	'open',
	'frame',
	'message',
	'subscribe',
	'subscribed',
	'unsubscribe',
	'publish',
	'published',
	'limited',
	'drain',
	'close',
	'ready',
	'changed',
	'shutdown'
];

/** What runs where, for people: plugins in boot order, then who listens to each hook. */
export function describePlugins(
	plugins: readonly Plugin[],
	table: HookTable,
	bootTimes: ReadonlyMap<string, number | undefined>
): string {
	const lines: string[] = [];
	for (const plugin of plugins) {
		const time = bootTimes.get(plugin.name);
		const facts = [
			plugin.provides?.length ? `provides ${plugin.provides.join(', ')}` : '',
			plugin.requires?.length ? `requires ${plugin.requires.join(', ')}` : '',
			plugin.optional?.length ? `uses ${plugin.optional.join(', ')}` : ''
		].filter(Boolean);
		const boot = time === undefined ? '' : ` (${time} ms)`;
		lines.push(`${plugin.name}${boot}${facts.length ? ': ' + facts.join('; ') : ''}`);
	}
	for (const name of HOOKS) {
		const entries = table.list(name);
		if (entries.length === 0) continue;
		const listeners = entries.map(({ plugin, options }) => {
			const filters = [options.order, options.type, options.class, options.topics].flat();
			const shown = filters.filter((filter) => filter !== undefined);
			return shown.length ? `${plugin} (${shown.join(' ')})` : plugin;
		});
		lines.push(`  ${name}: ${listeners.join(' → ')}`);
	}
	return lines.join('\n');
}
