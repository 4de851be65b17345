/** What every transport promises the kernel, over real sockets. */

import { beforeAll, describe, expect, test } from 'vitest';
import { attachmentOf, starter, type Serve } from './transport/bench.ts';
import { Client, HANDSHAKE, RawClient } from './transport/clients.ts';
import { closingContract } from './transport/closing.ts';
import { limitsContract } from './transport/limits.ts';
import { messagesContract } from './transport/messages.ts';
import { preflightContract } from './transport/preflight.ts';
import { RecordingHost } from './transport/recording-host.ts';
import { topicsContract } from './transport/topics.ts';
import { upgradeContract } from './transport/upgrade.ts';

export type { Serve } from './transport/bench.ts';

/** Runs the suite on a transport that `serve` puts on a server of its own. */
export function transportContract(name: string, serve: Serve): void {
	// Takes ten seconds, so that it runs beside all the others.
	let idle: ReturnType<typeof idleScenario>;
	beforeAll(() => {
		idle = idleScenario(serve);
		idle.catch(() => {});
	});

	describe(`transport ${name}`, () => {
		const start = starter(serve);
		upgradeContract(start);
		preflightContract(start);
		messagesContract(start);
		topicsContract(start, serve);
		closingContract(start);
		limitsContract(start);

		test('a client that never answers a ping is closed; a quiet one that does is not', async () => {
			expect(await idle).toEqual({ dead: 1006, quietAnswers: true });
		}, 15_000);
	});
}

/** A dead client and a quiet one, on a server with the shortest idle time-out there is. */
async function idleScenario(serve: Serve): Promise<{ dead: number; quietAnswers: boolean }> {
	const host = new RecordingHost({ idleTimeout: 8000 });
	const served = await serve(attachmentOf(host));
	try {
		const quiet = new Client(served.port);
		await quiet.opened;
		await host.opened.next();
		const dead = new RawClient(served.port, ['GET /ws HTTP/1.1', ...HANDSHAKE]);
		const { connection } = await host.opened.next();

		const end = await host.closed.next();
		quiet.ws.send('still here');
		const message = await host.messages.next();

		dead.socket.destroy();
		quiet.ws.terminate();
		return {
			dead: end.connection === connection ? end.code : Number.NaN,
			quietAnswers: message.payload === 'still here' && host.closed.all.length === 1
		};
	} finally {
		await served.close();
	}
}
