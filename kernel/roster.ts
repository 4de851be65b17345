/** Which plugins a kernel has, in which order, and how they come and go. */

import { describePlugins, sortPlugins, withTimeout } from './boot.ts';
import { CLOSE } from './codes.ts';
import { RealtimeError } from './errors.ts';
import { createFacade, type FacadeParts } from './facade.ts';
import { HookTable, type HookEntry } from './hooks.ts';
import { Member, type Services } from './member.ts';
import type { Plugin } from './plugin.ts';
import { runNotice } from './run.ts';

export interface RosterOptions extends FacadeParts {
	readonly services: Services;
	readonly fail: (hook: string) => (plugin: string, error: unknown) => void;
}

export class Roster {
	readonly #options: RosterOptions;
	/** As they were given: where one is put in, the order is made anew from this. */
	#list: readonly Plugin[];
	#members: readonly Member[] = [];
	#isRunning: boolean = false;
	#tail: Promise<unknown> = Promise.resolve();

	/** @throws {RealtimeError} RT_PLUGIN_DUPLICATE, RT_CAPABILITY_{MISSING,TAKEN,CYCLE}. */
	constructor(plugins: readonly Plugin[], options: RosterOptions) {
		sortPlugins(plugins);
		this.#list = plugins;
		this.#options = options;
	}

	get plugins(): readonly Plugin[] {
		return this.#list;
	}

	async start(): Promise<void> {
		const { services, table } = this.#options;
		const sorted = sortPlugins(this.#list);
		this.#order(sorted);
		for (const plugin of sorted) {
			const member = new Member(plugin, services, undefined);
			this.#members = [...this.#members, member];
			await this.#setUp(member);
		}
		await this.#ready(this.#members, table);
		this.#isRunning = true;
	}

	/** Makes these the plugins, one change after the other. @see Kernel.change */
	change(plan: (list: readonly Plugin[]) => readonly Plugin[], onSwap?: () => void): Promise<void> {
		const done = this.#tail.then(() => this.#change(plan, onSwap));
		this.#tail = done.catch(() => {}); // whoever asked for it hears of it
		return done;
	}

	/** Takes the plugins out of a list by name. @throws {RealtimeError} when another one needs them. */
	static without(list: readonly Plugin[], names: readonly string[]): readonly Plugin[] {
		const rest = list.filter(({ name }) => !names.includes(name));
		for (const name of names) {
			const plugin = list.find((other) => other.name === name);
			if (!plugin) throw new RealtimeError('RT_PLUGIN_UNKNOWN', [name]);
			const needing = rest.filter(({ requires = [] }) =>
				requires.some((capability) => plugin.provides?.includes(capability))
			);
			if (needing.length > 0) {
				const them = needing.map((other) => `"${other.name}"`).join(', ');
				throw new RealtimeError('RT_PLUGIN_REQUIRED', [name, them]);
			}
		}
		return rest;
	}

	describe(): string {
		const times = new Map(this.#members.map(({ plugin, bootTime }) => [plugin.name, bootTime]));
		return describePlugins(sortPlugins(this.#list), this.#options.table, times);
	}

	/** From now on nothing changes: the kernel ends. */
	close(): void {
		this.#isRunning = false;
	}

	/** Takes out whatever is left. */
	dispose(): void {
		for (const member of this.#members) member.stop();
	}

	async #change(
		plan: (list: readonly Plugin[]) => readonly Plugin[],
		onSwap: (() => void) | undefined
	): Promise<void> {
		this.#assertRunning();
		const list = plan(this.#list);
		const sorted = sortPlugins(list);
		const staying = this.#staying(sorted);
		const leaving = this.#members.filter((member) => !staying.has(member.plugin));
		const coming = await this.#prepare(sorted, staying, leaving);

		const shutdowns = this.#swap(list, sorted, coming, leaving);
		try {
			onSwap?.();
		} finally {
			await this.#afterSwap(shutdowns, leaving);
		}
	}

	/** Those that go on undisturbed: the same objects, whose services come from such again. */
	#staying(sorted: readonly Plugin[]): ReadonlySet<Plugin> {
		const running = new Map(this.#members.map(({ plugin }) => [plugin, plugin]));
		const changed = new Set<string>();
		const note = ({ provides = [] }: Plugin): void => {
			for (const capability of provides) changed.add(capability);
		};
		for (const plugin of running.keys()) if (!sorted.includes(plugin)) note(plugin);

		const staying = new Set<Plugin>();
		for (const plugin of sorted) {
			const used = [...(plugin.requires ?? []), ...(plugin.optional ?? [])];
			if (running.has(plugin) && !used.some((name) => changed.has(name))) staying.add(plugin);
			else note(plugin);
		}
		return staying;
	}

	/** Sets the new ones up beside those that run. Where one fails, nothing has happened. */
	async #prepare(
		sorted: readonly Plugin[],
		staying: ReadonlySet<Plugin>,
		leaving: readonly Member[]
	): Promise<readonly Member[]> {
		const gone = new Set(leaving.map(({ plugin }) => plugin.name));
		const services = new Map(
			[...this.#options.services].filter(([, { plugin }]) => !gone.has(plugin))
		);
		const table = new HookTable();
		table.order(placesOf(sorted));
		const coming: Member[] = [];
		try {
			for (const plugin of sorted) {
				if (staying.has(plugin)) continue;
				const member = new Member(plugin, services, table);
				coming.push(member);
				await this.#setUp(member);
			}
			await this.#ready(coming, table);
			this.#assertRunning();
			return coming;
		} catch (error) {
			await this.#end(table.list('shutdown'), coming);
			throw error;
		}
	}

	/** The one step in which the plugins change: no frame comes in between. */
	#swap(
		list: readonly Plugin[],
		sorted: readonly Plugin[],
		coming: readonly Member[],
		leaving: readonly Member[]
	): readonly HookEntry<'shutdown'>[] {
		const { table, services, connections } = this.#options;
		for (const connection of [...connections]) {
			// Nobody would keep up what it follows: its client comes back, and asks again.
			const isCutOff = leaving.some(({ asker }) => asker.asksFor(connection));
			if (isCutOff) connection.close(CLOSE.RESTART, 'A part of the server is replaced.');
		}
		const gone = new Set(leaving.map(({ plugin }) => plugin.name));
		const shutdowns = table.list('shutdown').filter(({ plugin }) => gone.has(plugin));
		for (const member of leaving) member.takeOut();
		for (const [name, { plugin }] of services) if (gone.has(plugin)) services.delete(name);

		this.#order(sorted);
		for (const member of coming) {
			for (const name of member.plugin.provides ?? []) {
				services.set(name, member.services.get(name)!);
			}
		}
		for (const member of coming) member.goLive(services);
		const members = new Map(
			[...this.#members, ...coming].map((member) => [member.plugin.name, member])
		);
		this.#list = list;
		this.#members = sorted.map(({ name }) => members.get(name)!);
		return shutdowns;
	}

	async #afterSwap(
		shutdowns: readonly HookEntry<'shutdown'>[],
		leaving: readonly Member[]
	): Promise<void> {
		const { table, fail } = this.#options;
		const told = runNotice(table.list('changed'), undefined, fail('changed'));
		await this.#end(shutdowns, leaving);
		await told;
	}

	/** Lets plugins end what they have begun, and then takes away what they have left. */
	async #end(
		shutdowns: readonly HookEntry<'shutdown'>[],
		members: readonly Member[]
	): Promise<void> {
		const { clock, limits, fail, report } = this.#options;
		const ctx = { deadline: clock.now() + limits.shutdownTimeout };
		await withTimeout(
			() => runNotice([...shutdowns].reverse(), ctx, fail('shutdown')),
			clock,
			limits.shutdownTimeout,
			members.map(({ plugin }) => plugin.name).join(', '),
			'shutdown'
		).catch((error: unknown) => report('kernel', error));
		for (const member of members) member.stop();
	}

	async #setUp(member: Member): Promise<void> {
		const { clock, limits } = this.#options;
		const { plugin } = member;
		const facade = createFacade(member, this.#options);
		const begun = clock.now();
		await withTimeout(() => plugin.setup(facade), clock, limits.bootTimeout, plugin.name, 'setup');
		member.bootTime = clock.now() - begun;
		for (const capability of plugin.provides ?? []) {
			if (!member.services.has(capability)) {
				throw new RealtimeError('RT_CAPABILITY_ABSENT', [plugin.name, capability]);
			}
		}
	}

	async #ready(members: readonly Member[], table: HookTable): Promise<void> {
		const { clock, limits } = this.#options;
		const byName = new Map(members.map((member) => [member.plugin.name, member]));
		for (const { plugin, handler } of table.list('ready')) {
			const begun = clock.now();
			await withTimeout(handler, clock, limits.bootTimeout, plugin, 'ready');
			byName.get(plugin)!.bootTime! += clock.now() - begun;
		}
	}

	#order(sorted: readonly Plugin[]): void {
		const places = placesOf(sorted);
		this.#options.table.order(places);
		this.#options.classes.order(places);
	}

	#assertRunning(): void {
		if (!this.#isRunning) throw new RealtimeError('RT_KERNEL_IDLE');
	}
}

function placesOf(sorted: readonly Plugin[]): ReadonlyMap<string, number> {
	return new Map(sorted.map(({ name }, place) => [name, place]));
}
