/** Going on from where a client's value stands. */

import {
	chain,
	isLiveError,
	isThenable,
	type MaybePromise,
	type Position
} from 'svelte-realtime/kernel';
import type { LogEntry, Tail } from 'svelte-realtime/plugins/replay';
import { deltaText, recoveredText, type Answer, type Entry } from './answers.ts';
import { readDelta } from './delta.ts';
import type { FollowedSource, Follower, FollowRequest } from './follow.ts';
import type { ResetReason } from './frames.ts';
import { mergeOf } from './paging.ts';

type Missed = readonly LogEntry[] | 'epoch' | 'truncated';

/** Continues a stream, and answers undefined; or says why it cannot be continued. */
export async function resume(
	follower: Follower,
	request: FollowRequest,
	tail: Tail,
	since: Position,
	source: FollowedSource
): Promise<ResetReason | undefined> {
	const { replay, declaration, version, kernel } = request;
	const { id, shape, topic } = follower;
	const base = follower.subscription!.topic;
	// A client that has pages goes on keeping them.
	const paging = request.pages === undefined ? undefined : {};
	const headAt = (seq: number): Answer => ({
		id,
		topic,
		epoch: tail.head().epoch,
		seq,
		...mergeOf(declaration, paging)
	});
	const enter = (text: string, outcome: 'recovered' | 'delta'): void => {
		if (!follower.enter()) return;
		follower.answer(text);
		follower.entered(source, kernel);
		request.resumed(outcome);
	};
	let missed: Missed = tail.since(since);
	if (missed === 'truncated' && !declaration.feed)
		missed = upToNow(await replay.range(base, since), tail, since);
	let reason: ResetReason;
	if (typeof missed === 'string') {
		reason = missed;
	} else {
		const head = headAt(since.seq);
		const known = inShape(follower, missed, { tail, since });
		// Where nothing has to be waited for, this is the tick in which the events were read.
		const events = isThenable(known) ? await known : known;
		if (follower.isLeft) return undefined;
		const text = typeof events !== 'string' && recoveredText(head, events);
		if (text && text.length <= kernel.limits.sendBuffer) {
			enter(text, 'recovered');
			return undefined;
		}
		reason = typeof events === 'string' ? events : 'overflow';
	}
	if (!declaration.delta || version === undefined || follower.isLeft) return reason;
	const isChanged = await readDelta(request, tail, version, (delta) => {
		const head = { ...headAt(delta.position.seq), ...mergeOf(declaration, undefined) };
		const all = [...delta.changes, ...delta.events];
		if (!shape) return enter(deltaText(head, delta, all), 'delta');
		if (shape.isSlow && !follower.enter()) return;
		const turn = shape.inLine(base, () => shape.entries(all));
		return chain(turn, (events) => enter(deltaText(head, delta, events), 'delta'));
	});
	return isChanged ? undefined : reason;
}

/** What was missed, as it is sent; or why it cannot be. What takes its time is followed from its end on. */
function inShape(
	follower: Follower,
	missed: readonly LogEntry[],
	{ tail, since }: { readonly tail: Tail; readonly since: Position }
): MaybePromise<readonly Entry[] | ResetReason> {
	const { shape } = follower;
	if (!shape) return missed;
	// One event that cannot be had in this shape would keep its followers out for as long as it is logged.
	const failed = (error: unknown): ResetReason => {
		if (isLiveError(error) && error.code === 'STALE') throw error;
		return 'truncated';
	};
	const onward = async (first: readonly Entry[]): Promise<readonly Entry[] | ResetReason> => {
		const rest = after(missed, tail, since);
		if (typeof rest === 'string' || !follower.enter()) return typeof rest === 'string' ? rest : [];
		const turn = shape.inLine(follower.subscription!.topic, () => shape.entries(rest));
		return [...first, ...(await turn)];
	};
	try {
		const entries = shape.entries(missed);
		if (!shape.isSlow) return entries;
		return Promise.resolve(entries).then(onward).catch(failed);
	} catch (error) {
		return failed(error);
	}
}

/** What the log told may have been overtaken meanwhile; the tail closes the gap, in this tick. */
function upToNow(far: Missed, tail: Tail, since: Position): Missed {
	if (typeof far === 'string') return far;
	const rest = after(far, tail, since);
	return typeof rest === 'string' ? rest : [...far, ...rest];
}

/** What came after events that follow on `since`, where the topic has not begun anew meanwhile. */
function after(events: readonly Entry[], tail: Tail, since: Position): Missed {
	const direct = tail.since(since);
	if (direct === 'epoch') return 'epoch';
	const last = events.at(-1)?.seq;
	return last === undefined ? direct : tail.since({ epoch: tail.head().epoch, seq: last });
}
