/** Loaded into each process of a server (`--import`): tells what memory and processor time it takes. */

import { createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';

// Or a page of the heap with one object left in it counts as a whole.
setFlagsFromString('--compact-on-every-full-gc');

const seconds = () => {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1e6;
};

const server = createServer((socket) => {
	socket.once('data', async (command) => {
		// Before what it takes to look.
		const opened = seconds();
		if (String(command) === 'memory') await settle();
		const { heapUsed, external, rss } = process.memoryUsage();
		socket.end(JSON.stringify({ heap: heapUsed + external, rss, opened, cpu: seconds() }));
	});
});
server.listen(`${process.env['INSPECT_FOLDER']}/${process.pid}.sock`);
server.unref();

/** What is not needed any more is let go of in several steps, some of them in later turns. */
async function settle() {
	for (let i = 0; i < 4; i++) {
		globalThis.gc();
		await setTimeout(50);
	}
}
