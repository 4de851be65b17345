/** The browser's half of identity: showing the token of now on a connection that is open. */

import type { ClientKernel } from '../../kernel/client/index.ts';
import { report } from '../../kernel/client/listeners.ts';
import type { FrameOf } from '../../kernel/protocol.ts';
import type {} from './frames.ts';

/** Answers a server that asks who this is, for a client whose `auth` is a function. */
export function identityClient(kernel: ClientKernel): void {
	kernel.install(setup);
}

function setup(kernel: ClientKernel): true {
	async function show(ask: number): Promise<void> {
		const connection = kernel.id();
		const { auth } = kernel.options;
		try {
			const token = typeof auth === 'function' ? await auth() : undefined;
			// Another connection has shown its own when it began.
			if (kernel.status() !== 'open' || kernel.id() !== connection) return;
			kernel.send({ frame: { type: 'identity:token', ask, token: token ?? undefined } });
		} catch (error) {
			// Without an answer the server ends the connection, and the next one asks for a token again.
			report(error);
		}
	}

	kernel.hook(
		'frame',
		((frame: FrameOf<'identity:ask'>) => void show(frame.ask)) as never,
		'identity:ask'
	);
	return true;
}
