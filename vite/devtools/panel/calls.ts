import type { CallRecord, CallState } from '../recorder/calls.ts';
import { button, element, facts, setText, type Row } from './dom.ts';
import { masterList } from './master-list.ts';
import { count, duration, preview, size, timeOfDay } from './text.ts';
import { valueTree } from './value-tree.ts';
import type { View, ViewSource } from './view.ts';

const TONES: Readonly<Record<CallState, string>> = {
	waiting: 'muted',
	sent: 'warn',
	done: 'good',
	failed: 'bad'
};

/** Calls that run, and the last 100. */
export function callsView({ recorder }: ViewSource): View {
	const { calls, kernel } = recorder;
	const summary = element('p', { class: 'muted' });
	const clear = button('Clear', () => {
		calls.clear();
		update();
	});
	const list = masterList<CallRecord>({
		label: 'calls',
		empty: 'No call yet. What the page calls of $live/* shows here.',
		keyOf: ({ number }) => number,
		columns: [
			{ name: 'function', text: ({ path }) => path },
			{ name: 'arguments', text: ({ args }) => argumentsOf(args), tone: () => 'muted' },
			{ name: 'outcome', text: outcome, tone: ({ state }) => TONES[state] },
			{ name: 'time', text: ({ ms }) => (ms === undefined ? '…' : duration(ms)) },
			{ name: 'message', text: travelled, tone: () => 'muted' }
		],
		detail
	});

	function update(): void {
		const all = calls.list();
		const over = all.length - calls.pending;
		setText(summary, `${calls.pending} pending, ${over} of the last 100`);
		list.update(all);
	}

	function detail(): Row<CallRecord> {
		const title = element('h3');
		const about = facts('The call');
		const args = valueTree('arguments', 2);
		const result = valueTree('result', 1);
		const issues = valueTree('issues', 2);
		return {
			node: element('div', {}, title, about.node, args.node, result.node, issues.node),
			update(call) {
				const { error, ms } = call;
				setText(title, call.path);
				about.update([
					['outcome', error ? `${error.code}: ${error.message}` : call.state, TONES[call.state]],
					[
						'took',
						ms === undefined ? `${duration(kernel.clock.now() - call.startedAt)} …` : duration(ms)
					],
					['began', timeOfDay(call.startedAt)],
					['id', call.id === undefined ? '–' : String(call.id)],
					['sent', call.travels.map(travel).join(', ') || 'not yet'],
					...(call.upload === undefined ? [] : [['upload', size(call.upload)] as const]),
					...(call.after === undefined ? [] : [['after', `call ${call.after}`] as const]),
					...(error?.retryAfter === undefined
						? []
						: [['retry after', duration(error.retryAfter)] as const])
				]);
				args.update(call.args);
				result.update(call.result);
				result.node.hidden = call.state !== 'done';
				issues.update(error?.issues);
				issues.node.hidden = error?.issues === undefined;
			}
		};
	}

	return {
		node: element(
			'div',
			{ class: 'fill' },
			element('div', { class: 'bar' }, summary, clear),
			list.node
		),
		update
	};
}

function outcome({ state, result, error }: CallRecord): string {
	if (error) return error.code;
	return state === 'done' ? preview(result, 60, 1) : state;
}

function argumentsOf(args: unknown): string {
	return Array.isArray(args) ? args.map((argument) => preview(argument, 60, 1)).join(', ') : '';
}

/** `#12`, `#12 of 3` in a batch, `#12, #15` where it was asked for again. */
function travelled({ travels }: CallRecord): string {
	return travels
		.map(({ message, calls, isLost }) => {
			const batch = calls > 1 ? ` of ${calls}` : '';
			return `#${message}${batch}${isLost ? ' lost' : ''}`;
		})
		.join(', ');
}

function travel({ message, calls, isLost }: CallRecord['travels'][number]): string {
	const batch = calls > 1 ? ` with ${count(calls - 1, 'other call')}` : '';
	return `message ${message}${batch}${isLost ? ', lost by the network panel' : ''}`;
}
