/** One live export of every kind. A kind that is missing here is an error of the compiler. */

import { live, pipe } from 'svelte-realtime';
import * as v from 'valibot';
import type { LiveKind } from '../../vite/kinds.ts';

const nothing = { observe() {}, inc() {}, dec() {}, set() {} };
const registry = { counter: () => nothing, histogram: () => nothing, gauge: () => nothing };

/** Those that are made of arguments, of kinds whose samples are not. */
export const DYNAMIC: Readonly<Record<string, unknown>> = {
	derived: live.derived(
		(_ctx, _given: unknown) => ['list'],
		() => 1
	),
	perUser: live.derived(
		(_ctx, _given: unknown) => ['list'],
		() => 1,
		{ perUser: true }
	),
	channel: live.channel((_ctx, given: unknown) => `channel-${typeof given}`, {
		events: { said: v.string() },
		publish: true
	}),
	group: live.group((_ctx, given: unknown) => `group-${typeof given}`, {
		events: { said: v.string() },
		publish: ['said']
	}),
	tag: live.tag((_ctx, given: unknown) => `tag-${typeof given}`),
	piped: pipe(
		live.stream(
			(_ctx, given: unknown) => `piped-${typeof given}`,
			(_ctx, given: unknown) => [{ id: typeof given }]
		),
		pipe.filter((item) => item.id !== 'symbol')
	)
};

/** @param ran Notes everything of the app that runs. */
export function samples(ran: string[]): Readonly<Record<LiveKind, unknown>> {
	const noted =
		<R>(what: string, result: R) =>
		(): R => {
			ran.push(what);
			return result;
		};
	const name = (_ctx: unknown, given: unknown): string =>
		`of:${typeof given === 'string' ? given : typeof given}`;
	const list = live.stream('list', noted('stream', [{ id: 1 }]));
	return {
		rpc: live(noted('rpc', 'called')),
		binary: live.binary(noted('binary', 'uploaded')),
		stream: list,
		piped: pipe(
			live.stream('piped', noted('piped', [{ id: 1 }])),
			pipe.filter(() => true)
		),
		presence: live.presence((ctx, given: unknown) => `who-${name(ctx, given)}`),
		cursors: live.cursors((ctx, given: unknown) => `where-${name(ctx, given)}`),
		room: live.room({
			topic: (ctx, given: unknown) => `room-${name(ctx, given)}`,
			init: noted('room', [{ id: 1 }]),
			presence: { data: noted('room.presence', { name: 'x' }) },
			cursors: true,
			actions: { act: noted('room.act', 'acted') }
		}),
		channel: live.channel('channel', { events: { said: v.string() }, publish: true }),
		tag: live.tag('tag'),
		group: live.group('group', { events: { said: v.string() }, publish: ['said'] }),
		derived: live.derived(['list'], noted('derived', 1)),
		aggregate: live.aggregate(['list'], { count: { init: 0, reduce: (count) => count + 1 } }),
		webhook: live.webhook('hooked', {
			verify: noted('webhook.verify', {}),
			transform: noted('webhook', null)
		}),
		cron: live.cron('0 0 1 1 *', noted('cron', undefined)),
		effect: live.effect(['nothing-that-is-published'], noted('effect', undefined)),
		middleware: live.middleware((_call, next) => next()),
		metrics: live.metrics(registry as never)
	};
}
