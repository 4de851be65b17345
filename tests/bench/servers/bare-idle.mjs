/**
 * The control: uWebSockets.js alone, which follows a topic for each connection, and publishes to it.
 * With WORKERS several processes on one port, and one that tells each of them what to publish.
 */

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import uWS from 'uWebSockets.js';

const { PORT, WORKERS = '0' } = process.env;

if (Number(WORKERS) > 0) {
	const env = { ...process.env, WORKERS: '0' };
	const workers = Array.from({ length: Number(WORKERS) }, () =>
		fork(fileURLToPath(import.meta.url), { env })
	);
	for (const worker of workers) {
		worker.on('message', (frame) => workers.forEach((each) => each.send(frame)));
	}
} else {
	process.on('disconnect', () => process.exit());
	serve();
}

function serve() {
	const topic = 'idle:feed';
	const head = `{"type":"event","topic":"${topic}","event":"created","data":`;
	const decoder = new TextDecoder();
	const app = uWS.App();
	const publish = (frame) => app.publish(topic, frame);
	const tell = process.send ? (frame) => process.send(frame) : publish;
	let seq = 0;
	process.on('message', publish);

	app.ws('/ws', {
		maxPayloadLength: 16 * 1024,
		maxBackpressure: 1024 * 1024,
		idleTimeout: 24,
		sendPingsAutomatically: true,
		message(ws, message) {
			const { id, type, args } = JSON.parse(decoder.decode(message));
			if (type === 'stream') {
				ws.subscribe(topic);
				ws.send(JSON.stringify({ type: 'stream:snapshot', id }));
			} else {
				tell(`${head}${JSON.stringify(args[0])},"seq":${++seq}}`);
				ws.send(JSON.stringify({ type: 'reply', id }));
			}
		}
	});
	app.listen('127.0.0.1', Number(PORT), () => {});
}
