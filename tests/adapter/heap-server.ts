/** A site in a process of its own, which says how large its heap is when all that can go has gone. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startFront, type FrontName } from './fronts.ts';

const { name } = JSON.parse(process.argv[2]!) as { name: FrontName };

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Some of what a request leaves is let go of in turns of its own. */
async function heap(): Promise<number> {
	for (let round = 0; round < 5; round++) {
		await turn();
		collect();
	}
	const { heapUsed, external } = process.memoryUsage();
	return heapUsed + external;
}

async function respond(request: Request): Promise<Response> {
	const { pathname } = new URL(request.url);
	if (pathname === '/upload') return new Response(`${(await request.text()).length}`);
	if (pathname === '/signal') {
		await new Promise((resolve) => request.signal.addEventListener('abort', resolve));
	}
	if (pathname !== '/stream') return new Response('<h1>A page</h1>'.repeat(50));
	let chunks = 0;
	const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
		await turn();
		if (chunks++ < 3) controller.enqueue(new Uint8Array(100));
		else controller.close();
	};
	return new Response(new ReadableStream({ pull }));
}

const front = await startFront(name, {
	client: { 'small.css': 'a { color: red }'.repeat(50), 'large.bin': Buffer.alloc(1_200_000) },
	respond
});
process.on('message', async () => {
	await front.site.idle();
	process.send!({ heap: await heap(), errors: front.errors.length });
});
process.on('disconnect', () => process.exit(0));
process.send!({ port: front.port });
