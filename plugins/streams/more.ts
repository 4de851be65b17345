/** Answering `stream:more`: the next page of a list that a connection follows. */

import { chain, encode, HANDLED, idOf, LiveError, type Connection } from 'svelte-realtime/kernel';
import type { Rpc, Run } from 'svelte-realtime/plugins/rpc';
import { refusalOf } from '../refusal.ts';
import { recordsOf } from './answers.ts';
import type { StreamDeclaration } from './declare.ts';
import { topicOf, verdictOf, type Follower } from './follow.ts';
import { consistent, type Kernel } from './load.ts';
import { hasPages, placeOf, readPage, type Page } from './paging.ts';
import { sent } from './sent.ts';

interface MoreOptions {
	readonly kernel: Kernel;
	readonly rpc: Rpc;
	find(connection: Connection, id: unknown): Follower | undefined;
	/** Runs a loader as one of those that a connection may have run at once. @throws RATE_LIMITED */
	counted<R>(connection: Connection, task: () => Promise<R>): Promise<R>;
}

/** A page is authorised like the stream itself, every time: what was allowed once may not be any more. */
export function serveMore({ kernel, rpc, find, counted }: MoreOptions): void {
	async function answer(
		connection: Connection,
		frame: Readonly<Record<string, unknown>>
	): Promise<void> {
		const id = idOf(frame);
		try {
			const follower = find(connection, frame['stream']);
			const source = follower?.source;
			if (id === null || !follower || !source) {
				throw new LiveError('INVALID_REQUEST', 'A page has an id, and a stream that is followed.');
			}
			const run: Run<StreamDeclaration, void> = async (ctx, declaration, args) => {
				const followed = { ctx, declaration, args, topic: topicOf(declaration, ctx, args) };
				if (followed.topic !== source.topic) throw new LiveError('CONFLICT');
				const wanted = kernel.subscribe(connection, follower.subscription!.topic);
				const denial = await verdictOf(wanted, connection, followed, kernel);
				if (denial) throw refusalOf(denial);
				if (!declaration.loader || declaration.feed || !hasPages(declaration)) {
					throw new LiveError('INVALID_REQUEST', 'This stream has no pages.');
				}
				const { shape } = follower;
				const from = { kernel, ctx, declaration, args, shape };
				const page = async (): Promise<Page<unknown>> => {
					const read = await readPage(from, frame['cursor']);
					const data = shape ? await shape.value(read.data) : read.data;
					return { ...read, data: data as readonly unknown[] };
				};
				await consistent(follower.tail, page, ({ data, hasMore, cursor }, position, missed) => {
					// Whoever left, or asks anew, gets the page with that.
					if (follower.isLeft) return;
					const loaded = { value: data, version: undefined, position, events: missed };
					const { topic } = follower.subscription!;
					return chain(sent(from, topic, loaded), ({ value: shown, events }) => {
						if (follower.isLeft) return;
						const { epoch, seq } = position ?? { epoch: '', seq: 0 };
						const place = placeOf(declaration);
						const head = { type: 'stream:page', id, epoch, seq, hasMore, cursor, place } as const;
						const value = kernel.values.encode(shown, `a page of "${ctx.path}"`);
						const parts = events.length > 0 ? { events: recordsOf(events) } : undefined;
						connection.send(encode(head, value, parts as never));
					});
				});
			};
			const { path } = source.ctx;
			await counted(connection, async () =>
				rpc.invoke(
					{ kind: 'stream', path, args: [...source.args], devalue: false, connection },
					run
				)
			);
		} catch (error) {
			rpc.answerError(connection, id, error);
		}
	}

	kernel.hook(
		'message',
		({ connection, frame }) => {
			void answer(connection, frame);
			return HANDLED;
		},
		{ type: 'stream:more' }
	);
}
