/** Answers `presence:update`: what a client says about itself. */

import {
	chain,
	encode,
	HANDLED,
	idOf,
	isLiveError,
	isThenable,
	LiveError,
	toWireError,
	type Connection,
	type MaybePromise,
	type PluginKernel
} from 'svelte-realtime/kernel';
import type { FollowedSource, Streams } from 'svelte-realtime/plugins/streams';
import { validate } from '../validate.ts';
import type { PresenceDeclaration } from './declare.ts';
import type {} from './frames.ts';
import { memberKey } from './key.ts';
import type { Members } from './members.ts';

export interface UpdateServer {
	readonly kernel: Pick<PluginKernel<never, never>, 'hook' | 'report'>;
	readonly members: Members;
	/** Found anew for each frame: plugins come and go. */
	readonly streams: () => Streams | undefined;
}

export function serveUpdates({ kernel, members, streams }: UpdateServer): void {
	/** Streams of a client whose last update is still being checked. */
	const busy = new WeakSet<FollowedSource>();

	function answer(connection: Connection, id: number | null, failure?: unknown): void {
		if (failure !== undefined && !isLiveError(failure)) kernel.report(failure);
		const error = failure === undefined ? undefined : toWireError(failure);
		const text =
			id === null
				? encode({ type: 'reply', id, error: error! })
				: encode({ type: 'presence:self', id, key: memberKey(connection), error });
		connection.answer(text);
	}

	/** @throws {LiveError} INVALID_REQUEST where the client follows no members under this id. */
	function sourceOf(connection: Connection, id: number | null): FollowedSource {
		const source = id === null ? undefined : streams()?.find(connection, id);
		if (source && 'flavour' in source.declaration && source.declaration.flavour === 'presence') {
			return source;
		}
		throw new LiveError('INVALID_REQUEST', 'No presence stream is followed with this id.');
	}

	/** @throws {LiveError} why it does not show. */
	function take(
		connection: Connection,
		source: FollowedSource,
		state: unknown
	): MaybePromise<void> {
		const { topic, ctx } = source;
		const { state: schema, refused } = source.declaration as PresenceDeclaration;
		const set = (checked: unknown): void => {
			if (checked !== undefined) members.setState(topic, connection, checked);
			const why = refused(ctx);
			if (why) throw why;
		};
		if (state === undefined || state === null) return set(state);
		if (schema === undefined) {
			throw new LiveError('FORBIDDEN', 'Members of this topic say nothing about themselves.');
		}
		return chain(validate(schema, state), (checked) => set(checked ?? null));
	}

	/** Waits for a schema, one update of a stream at a time. */
	async function answerLater(
		connection: Connection,
		id: number | null,
		source: FollowedSource,
		taken: PromiseLike<void>
	): Promise<void> {
		busy.add(source);
		try {
			await taken;
			answer(connection, id);
		} catch (error) {
			answer(connection, id, error);
		} finally {
			busy.delete(source);
		}
	}

	kernel.hook(
		'message',
		({ connection, frame }) => {
			const id = idOf(frame);
			try {
				const source = sourceOf(connection, id);
				if (busy.has(source)) throw new LiveError('RATE_LIMITED');
				const taken = take(connection, source, frame['state']);
				if (isThenable(taken)) void answerLater(connection, id, source, taken as Promise<void>);
				else answer(connection, id);
			} catch (error) {
				answer(connection, id, error);
			}
			return HANDLED;
		},
		{ type: 'presence:update' }
	);
}
