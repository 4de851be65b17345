/** Cron: runs what live modules declare at the times of an expression. */

import {
	definePlugin,
	isThenable,
	RealtimeError,
	type Declaration,
	type Plugin
} from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/rpc';
import { checkTime } from '../checks.ts';
import { serverContexts } from '../server-context.ts';
import type { CronDeclaration } from './declare.ts';
import { Schedule } from './schedule.ts';
import { SharedRuns } from './shared.ts';

export {
	cron,
	type CronContext,
	type CronDeclaration,
	type CronOptions,
	type LiveCron
} from './declare.ts';
export { memoryRuns } from './memory.ts';
export type { CronRun, CronStore, CronVerdict } from './port.ts';

export interface CronsOptions {
	/**
	 * Milliseconds after which a run is taken to be broken off when its instance has gone, where instances
	 * share jobs. @default 10000
	 */
	ttl?: number;
}

/** Hears of each run of a job once it is over. */
export type CronWatcher = (path: string, hasFailed: boolean) => void;

/** Who counts the runs of jobs hears of them here. */
export interface CronRuns {
	/** The result ends it. */
	watch(watcher: CronWatcher): () => void;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		'cron.runs': CronRuns;
	}
}

/**
 * Runs the jobs of the live modules that are mounted, each once, however often it is exported.
 *
 * Requires `rpc`, whose live modules it looks at. Where a plugin provides `cron.store`, each run
 * happens on one of all instances. A job that fails is reported, and runs again at its
 * next time.
 */
export function crons({ ttl = 10_000 }: CronsOptions = {}): Plugin<'rpc', 'cron.runs'> {
	checkTime('ttl', 'crons()', ttl, 100);
	return definePlugin({
		name: 'cron',
		requires: ['rpc'],
		optional: ['cron.store'],
		provides: ['cron.runs'],
		setup(kernel) {
			const { clock, report } = kernel;
			const store = kernel.find('cron.store');
			const instance = kernel.instanceId;
			const shared = store && new SharedRuns({ store, clock, instance, ttl, report });
			const contextOf = serverContexts(kernel);
			const schedules = new Map<Declaration, Schedule>();
			const watchers = new Set<CronWatcher>();
			kernel.provide('cron.runs', {
				watch(watcher) {
					watchers.add(watcher);
					return () => void watchers.delete(watcher);
				}
			});

			function run(path: string, { handler, topic }: CronDeclaration): unknown {
				const ctx = contextOf(path);
				const tell = (hasFailed: boolean): void => {
					for (const watcher of watchers) watcher(path, hasFailed);
				};
				const failed = (cause: unknown): void => {
					tell(true);
					report(new RealtimeError('RT_REACTION_FAILED', ['live.cron()', path], { cause }));
				};
				const publish = (value: unknown): void => {
					tell(false);
					if (value !== undefined && topic !== undefined) void ctx.publish(topic, 'set', value);
				};
				try {
					const result = handler(ctx);
					if (isThenable(result)) return Promise.resolve(result).then(publish).catch(failed);
					publish(result);
				} catch (error) {
					failed(error);
				}
				return undefined;
			}

			function runnerOf(path: string, job: CronDeclaration): (due: number) => unknown {
				const work = (): unknown => run(path, job);
				if (!shared) return work;
				const { overlap, missed } = job;
				const makeUp = missed === 'run';
				return (due) => shared.run({ job: path, due, overlap, makeUp }, work);
			}

			/** What is there still goes on as it was: saving one module does not move the jobs of another. */
			function mounted(paths: ReadonlyMap<string, Declaration>): void {
				const found = new Map<Declaration, string>();
				for (const [path, declaration] of paths) {
					if (declaration.kind === 'cron' && !found.has(declaration)) found.set(declaration, path);
				}
				for (const [declaration, schedule] of schedules) {
					if (found.has(declaration)) continue;
					schedule.end();
					schedules.delete(declaration);
				}
				for (const [declaration, path] of found) {
					if (schedules.has(declaration)) continue;
					const job = declaration as CronDeclaration;
					schedules.set(
						declaration,
						new Schedule({ job, clock: shared?.clock ?? clock, run: runnerOf(path, job) })
					);
				}
			}

			kernel.attach(() => {
				const end = kernel.use('rpc').watch((_list, paths) => () => mounted(paths));
				return () => {
					end();
					mounted(new Map());
				};
			});
			kernel.hook('shutdown', async ({ deadline }) => {
				mounted(new Map());
				await shared?.end(deadline);
			});
		}
	});
}
