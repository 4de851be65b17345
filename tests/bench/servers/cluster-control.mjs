/** The control of a cluster: uWebSockets.js, which sends on what raw pub/sub of Redis brings. */

import { Redis } from 'ioredis';
import uWS from 'uWebSockets.js';
import { serve, TOPICS } from './commands.mjs';
import { hearing } from './hearing.mjs';

const app = uWS.App();
const [subscriber, publisher] = [new Redis(process.argv[2]), new Redis(process.argv[2])];
const isTimed = process.argv[3] === 'timed';
const heard = hearing();
const head = `{"type":"event","topic":"${TOPICS.log}","event":"created","data":{"at":`;
let seq = 0;

app.ws('/ws', {
	maxPayloadLength: 16 * 1024,
	maxBackpressure: 1024 * 1024,
	idleTimeout: 120,
	message(ws, message) {
		const frame = JSON.parse(Buffer.from(message).toString());
		if (frame.type !== 'stream') return;
		ws.subscribe(TOPICS.log);
		ws.send(JSON.stringify({ type: 'stream:snapshot', id: frame.id }));
	}
});
subscriber.on('message', (_channel, message) => {
	if (isTimed) heard.hear(JSON.parse(message).data.at);
	app.publish(TOPICS.log, message);
});
await subscriber.subscribe(TOPICS.log);

app.listen('127.0.0.1', 0, (socket) => {
	serve({
		port: uWS.us_socket_local_port(socket),
		publish: {
			log: ({ at, text }) =>
				publisher.publish(TOPICS.log, `${head}${at},"text":"${text}"},"seq":${++seq}}`)
		},
		...heard.commands
	});
});
