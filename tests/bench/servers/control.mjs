/** The control: uWebSockets.js alone, doing the least that the same bytes on the wire need. */

import uWS from 'uWebSockets.js';
import { serve, TOPICS } from './commands.mjs';

const app = uWS.App();
let seq = 0;
/** The newest of each connection. */
let moved = new Map();
let connections = 0;

app.ws('/ws', {
	maxPayloadLength: 16 * 1024,
	maxBackpressure: 1024 * 1024,
	idleTimeout: 120,
	open(ws) {
		// As long as the ids that ours gives.
		ws.key = `control-----${(connections += 1).toString(36)}`;
	},
	message(ws, message) {
		const frame = JSON.parse(Buffer.from(message).toString());
		if (frame.type === 'rpc') {
			ws.send(JSON.stringify({ type: 'reply', id: frame.id, data: frame.args[0] }));
		} else if (frame.type === 'cursors:move') {
			moved.set(ws.key, `{"key":"${ws.key}","data":${JSON.stringify(frame.data)}}`);
		} else if (frame.type === 'stream') {
			ws.subscribe(TOPICS[frame.path.slice('bench/'.length)]);
			ws.send(JSON.stringify({ type: 'stream:snapshot', id: frame.id }));
		}
	}
});

const head = (topic) => `{"type":"event","topic":"${topic}","event":"created","data":{"at":`;
const feed = head(TOPICS.feed);
const log = head(TOPICS.log);

const cursors = head(TOPICS.cursors).replace('created","data":{"at":', 'update","data":');
setInterval(() => {
	if (moved.size === 0) return;
	app.publish(TOPICS.cursors, `${cursors}[${[...moved.values()].join()}]}`);
	moved = new Map();
}, 16);

app.listen('127.0.0.1', 0, (socket) => {
	serve({
		port: uWS.us_socket_local_port(socket),
		publish: {
			feed: ({ at, text }) => app.publish(TOPICS.feed, `${feed}${at},"text":"${text}"}}`),
			log: ({ at, text }) =>
				app.publish(TOPICS.log, `${log}${at},"text":"${text}"},"seq":${++seq}}`)
		}
	});
});
