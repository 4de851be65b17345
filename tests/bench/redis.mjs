/** A Redis server for a row, which keeps nothing on disk. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** @returns {Promise<{ url: string, stop(): Promise<void> }>} */
export async function startRedis() {
	const port = await freePort();
	const options = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
	const child = spawn('redis-server', options.map(String), {
		stdio: ['ignore', 'pipe', 'inherit']
	});
	await new Promise((resolve, reject) => {
		child.once('error', (cause) => {
			reject(new Error('The rows of the cluster need redis-server 7.0 on the PATH.', { cause }));
		});
		child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}.`)));
		child.stdout.on('data', (chunk) => {
			if (chunk.includes('Ready to accept connections')) resolve();
		});
	});
	const kill = () => child.kill('SIGKILL');
	process.once('exit', kill);
	return {
		url: `redis://127.0.0.1:${port}`,
		async stop() {
			process.off('exit', kill);
			child.removeAllListeners('exit');
			const ended = once(child, 'exit');
			kill();
			await ended;
		}
	};
}

async function freePort() {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address();
	server.close();
	await once(server, 'close');
	return port;
}
