/** Counts what happens on a kernel, for as long as it is asked to. */

import {
	isLiveError,
	toWireError,
	type Connection,
	type Denial,
	type PluginKernel
} from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/cron';
import type { Settlement } from 'svelte-realtime/plugins/rpc';
import { countBackends } from './backends.ts';
import type { Instruments } from './instruments.ts';
import { bounded, pathLabel } from './labels.ts';

export type Kernel = PluginKernel<'rpc', never>;

/** The result ends it, and takes what is open out of the gauges. */
export function count(
	kernel: Kernel,
	meters: Instruments,
	paths: () => ReadonlySet<string>
): () => void {
	const code = bounded();
	const limit = bounded();
	let open = 0;
	let followed = 0;
	/** Of those that have been followed since this began, by connection. */
	const topics = new WeakMap<Connection, number>();

	function opened(by: 1 | -1): void {
		open += by;
		if (by > 0) meters.connections.inc({});
		else meters.connections.dec({});
	}

	function follows(by: 1 | -1): void {
		followed += by;
		if (by > 0) meters.stream_subscriptions.inc({});
		else meters.stream_subscriptions.dec({});
	}

	function refused(denial: Denial | undefined): void {
		if (denial) meters.upgrades_refused_total.inc({ code: code(denial.code) });
	}

	function settled({ path, duration, failure }: Settlement): void {
		const known = pathLabel(path, paths());
		meters.rpc_total.inc({ path: known, status: failure ? 'error' : 'ok' });
		meters.rpc_duration_seconds.observe({ path: known }, duration / 1000);
		if (failure) meters.rpc_errors_total.inc({ path: known, code: code(codeOf(failure.error)) });
	}

	function ran(path: string, hasFailed: boolean): void {
		meters.cron_total.inc({ path, status: hasFailed ? 'error' : 'ok' });
		if (hasFailed) meters.cron_errors_total.inc({ path });
	}

	/**
	 * Not named as a plugin that is used: jobs begin after everything that they may use, and would have
	 * to be there before this.
	 */
	function watchJobs(): void {
		forgetJobs();
		forgetJobs = kernel.find('cron.runs')?.watch(ran) ?? (() => {});
	}
	let forgetJobs = (): void => {};
	watchJobs();

	for (let n = kernel.connections.size; n > 0; n -= 1) opened(1);
	const ends = [
		kernel.attach(() => kernel.use('rpc').observe(settled)),
		kernel.hook('changed', watchJobs),
		() => forgetJobs(),
		kernel.hook('open', () => opened(1)),
		kernel.hook('close', () => opened(-1)),
		kernel.hook('subscribed', ({ connection, topic }) => {
			// What the server follows for a user is nothing that a page has asked for.
			if (topic.startsWith('__signal:')) return;
			topics.set(connection, (topics.get(connection) ?? 0) + 1);
			follows(1);
		}),
		kernel.hook('unsubscribe', ({ connection, topic }) => {
			const own = topics.get(connection) ?? 0;
			if (own === 0 || topic.startsWith('__signal:')) return;
			topics.set(connection, own - 1);
			follows(-1);
		}),
		kernel.hook('published', ({ class: topicClass, origin, followers }) => {
			meters.published_total.inc({ class: topicClass, origin });
			if (followers > 0) meters.deliveries_total.inc({ class: topicClass }, followers);
		}),
		kernel.hook('drain', () => meters.drop_episodes_total.inc({})),
		countBackends(kernel, meters),
		kernel.hook('limited', (ctx) => meters.limited_total.inc({ limit: limit(ctx.limit) })),
		kernel.hook(
			'upgrade',
			(ctx) => {
				if (ctx.purpose === 'socket') ctx.whenAnswered(refused);
			},
			{ order: 'pre' }
		)
	];
	return () => {
		for (const end of ends) end();
		while (open > 0) opened(-1);
		while (followed > 0) follows(-1);
	};
}

/** What the caller is told. An error of the framework's is its status. */
function codeOf(error: unknown): string {
	const { status } = Object(error) as { status?: unknown };
	if (!isLiveError(error) && Number.isInteger(status)) return `HTTP_${String(status)}`;
	return toWireError(error).code;
}
