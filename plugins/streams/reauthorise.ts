/** Asking again whether a connection may follow what it follows: it may be somebody else by now. */

import { encode, LiveError, type Connection } from 'svelte-realtime/kernel';
import type { Rpc, Run } from 'svelte-realtime/plugins/rpc';
import { refusalOf } from '../refusal.ts';
import type { StreamDeclaration } from './declare.ts';
import { topicOf, verdictOf, type FollowedSource, type Follower } from './follow.ts';
import type { Head } from './frames.ts';
import type { Kernel } from './load.ts';

interface ReauthoriseOptions {
	readonly kernel: Kernel;
	readonly rpc: Rpc;
	followersOf(connection: Connection): Iterable<Follower>;
	end(follower: Follower): void;
	/** Ends it, and tells the client why. */
	refuse(follower: Follower, error: unknown): void;
}

/** An epoch that no topic has: who is told of it asks again, from where it stands. */
const NEVER = 'reauthorise';

/** @see Streams.reauthorise */
export function createReauthorise(
	options: ReauthoriseOptions
): (connection: Connection, change?: () => void) => void {
	const { followersOf, end, refuse } = options;

	/** Ends everything as who it was, so that what the client asks for then is asked for as who it is. */
	function beginAgain(connection: Connection, change: () => void): void {
		const heads = new Map<string, Head>();
		for (const follower of [...followersOf(connection)]) {
			if (follower.source === undefined) {
				refuse(follower, askAgain());
				continue;
			}
			heads.set(follower.topic, { topic: follower.topic, epoch: NEVER, seq: 0 });
			end(follower);
		}
		change();
		if (heads.size === 0) return;
		connection.answer(encode({ type: 'stream:heads', heads: [...heads.values()] }));
	}

	return (connection, change) => {
		if (change) return beginAgain(connection, change);
		for (const follower of [...followersOf(connection)]) {
			// What was asked of it may have been asked before whatever this is about.
			if (follower.source === undefined) refuse(follower, askAgain());
			else void check(follower, follower.source, options);
		}
	};
}

/** The client asks again, at once. */
function askAgain(): LiveError {
	const message = 'Who you are is being found out anew.';
	return new LiveError('SERVICE_UNAVAILABLE', message, { retryAfter: 0 });
}

/** Asks everything that was asked when it began, but for what loads; a stream that may go on does. */
async function check(
	follower: Follower,
	source: FollowedSource,
	{ kernel, rpc, refuse }: ReauthoriseOptions
): Promise<void> {
	const { connection } = follower;
	const run: Run<StreamDeclaration, object> = async (ctx, declaration, args) => {
		const followed = { ctx, declaration, args, topic: topicOf(declaration, ctx, args) };
		if (followed.topic !== source.topic) throw askAgain();
		const wanted = kernel.subscribe(connection, follower.subscription!.topic);
		const denial = await verdictOf(wanted, connection, followed, kernel);
		wanted.leave();
		if (denial) throw refusalOf(denial);
		return ctx;
	};
	// No question takes longer than one at the door; meanwhile the stream goes on.
	const cancel = kernel.clock.after(kernel.limits.upgradeTimeout, () => {
		if (!follower.isLeft) refuse(follower, new LiveError('TIMED_OUT_GUARD'));
	});
	try {
		const { path } = source.ctx;
		const args = [...source.args];
		const asked = { kind: 'stream', path, args, devalue: false, connection, isChecked: true };
		const ctx = await rpc.invoke(asked, run);
		// Its handlers have this very object: what it says of the user becomes what holds now.
		if (!follower.isLeft) Object.assign(source.ctx, ctx);
	} catch (error) {
		if (!follower.isLeft) refuse(follower, error);
	} finally {
		cancel();
	}
}
