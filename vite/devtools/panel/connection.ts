import type { Change } from '../recorder/index.ts';
import { element, facts, keyed, setText } from './dom.ts';
import { count, duration, size, timeOfDay } from './text.ts';
import type { View, ViewSource } from './view.ts';

/** Milliseconds between two questions that measure the latency. */
const EVERY = 2000;

/** Colours of the states of the connection. */
export const STATUS_TONES: Readonly<Record<string, string>> = {
	idle: 'muted',
	connecting: 'warn',
	open: 'good',
	reconnecting: 'warn',
	blocked: 'bad',
	offline: 'warn',
	closed: 'bad'
};

/** The page's connection: how it is, and what became of it. */
export function connectionView({ recorder }: ViewSource): View {
	const { kernel, wire } = recorder;
	const now = facts('The connection');
	const traffic = facts('Traffic');
	const history = element('ol', { class: 'log' });
	const showHistory = keyed<Change>(
		history,
		({ number }) => number,
		() => {
			const [time, status, more] = ['time', 'status', 'more'].map((name) =>
				element('span', { class: name })
			);
			return {
				node: element('li', {}, time!, status!, more!),
				update(change) {
					setText(time!, timeOfDay(change.at));
					setText(status!, change.status);
					status!.dataset['tone'] = STATUS_TONES[change.status] ?? '';
					const attempt = change.attempt > 0 ? `attempt ${change.attempt}` : '';
					setText(more!, [attempt, change.closed].filter(Boolean).join(' · '));
				}
			};
		}
	);
	let askedAt = -Infinity;

	function update(): void {
		const at = kernel.clock.now();
		if (at - askedAt >= EVERY) {
			askedAt = at;
			recorder.ping();
		}
		const { closed, attempt } = kernel.connection;
		const status = kernel.status();
		const limits = kernel.limits();
		const since = wire.history.at(-1)?.at ?? at;
		now.update([
			['status', status, STATUS_TONES[status]],
			['since', timeOfDay(since)],
			['latency', status === 'open' ? latency(wire.latencies) : '–'],
			['attempts', String(attempt)],
			['closed', closed ? [closed.code, closed.reason].filter(Boolean).join(' ') : '–'],
			['refused', closed?.refused ? `${closed.refused.code}: ${closed.refused.reason}` : '–'],
			['connection', kernel.id() ?? '–'],
			['session', wire.session ? `${wire.session.slice(0, 8)}…` : '–']
		]);
		traffic.update([
			['received', `${size(wire.bytesIn)} in ${count(wire.messagesIn, 'message')}`],
			['sent', `${size(wire.bytesOut)} in ${count(wire.messagesOut, 'message')}`],
			['a message', Number.isFinite(limits.message) ? `at most ${size(limits.message)}` : '–'],
			['a batch', `at most ${limits.batch} calls`],
			['heartbeat', duration(kernel.options.heartbeat ?? 25_000)],
			['a call', `at most ${duration(kernel.options.timeout ?? 30_000)}`]
		]);
		showHistory([...wire.history].reverse());
	}

	return {
		node: element(
			'div',
			{ class: 'columns pad' },
			element('section', {}, element('h3', {}, 'Now'), now.node),
			element('section', {}, element('h3', {}, 'Traffic'), traffic.node),
			element('section', {}, element('h3', {}, 'What became of it'), history)
		),
		update
	};
}

function latency(measured: readonly number[]): string {
	if (measured.length === 0) return '…';
	const sorted = [...measured].sort((one, other) => one - other);
	const median = sorted[sorted.length >> 1]!;
	return `${duration(measured.at(-1)!)} (median ${duration(median)})`;
}
