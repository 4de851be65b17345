/** The load of the HTTP rows: connections that stay, each with one request on its way. */

import { connect } from 'node:net';
import { answer } from './process.mjs';

/** Milliseconds without a byte after which an answer is taken to be over. */
const SILENCE = 300;
/** Of one that is known to pause. */
const PAUSE = 1500;

let connections = [];
let bytesOfAnswer = 0;

answer({ open, get, first });

/**
 * Opens connections, and learns from one answer how long each is.
 *
 * @param {{ port: number, path: string, count: number, headers?: string[] }} options `path`: a `#` is
 * the number of the connection; `headers`: further lines.
 * @returns {Promise<string>} the beginning of that answer.
 */
async function open({ port, path, count, headers = [] }) {
	for (const { socket } of connections) socket.destroy();
	const lines = [`Host: 127.0.0.1:${port}`, 'Accept: text/html', ...headers, '', ''];
	connections = await Promise.all(
		Array.from({ length: count }, (_, index) => {
			const first = `GET ${path.replace('#', 10 + index)} HTTP/1.1`;
			const request = Buffer.from([first, ...lines].join('\r\n'));
			const connection = { socket: connect({ port, host: '127.0.0.1', noDelay: true }), request };
			connection.onBytes = () => {};
			connection.socket.on('data', (chunk) => connection.onBytes(chunk));
			return new Promise((resolve, reject) => {
				connection.socket.once('error', reject);
				connection.socket.once('connect', () => resolve(connection));
			});
		})
	);
	const answered = await whole(connections[0]);
	bytesOfAnswer = answered.length;
	return answered.subarray(0, 600).toString('latin1');
}

/** One answer, over when nothing more comes. */
function whole(connection, silence = SILENCE) {
	return new Promise((resolve) => {
		const chunks = [];
		let timer;
		connection.onBytes = (chunk) => {
			chunks.push(chunk);
			clearTimeout(timer);
			timer = setTimeout(() => resolve(Buffer.concat(chunks)), silence);
		};
		connection.socket.write(connection.request);
	});
}

/** Asks again as soon as an answer is there, for `ms` milliseconds; every request is answered. */
async function get({ ms }) {
	const started = process.hrtime.bigint();
	let requests = 0;
	let isOver = false;
	const timer = setTimeout(() => (isOver = true), ms);
	await Promise.all(
		connections.map(
			(connection) =>
				new Promise((resolve, reject) => {
					let missing = bytesOfAnswer;
					connection.socket.once('close', () =>
						reject(new Error('The server ended a connection.'))
					);
					connection.onBytes = (chunk) => {
						missing -= chunk.length;
						if (missing > 0) return;
						if (missing < 0) return reject(new Error('An answer is longer than the first one.'));
						requests += 1;
						missing = bytesOfAnswer;
						if (isOver) return resolve();
						connection.socket.write(connection.request);
					};
					connection.socket.write(connection.request);
				})
		)
	);
	clearTimeout(timer);
	for (const { socket } of connections) socket.removeAllListeners('close');
	return { requests, seconds: Number(process.hrtime.bigint() - started) / 1e9 };
}

/**
 * One request for a page whose end is late.
 *
 * @returns {Promise<{ begun: number, text: string, whole: string }>} milliseconds to the first bytes of
 * its body, what has come by then, and all of it.
 */
async function first({ port, path }) {
	await open({ port, path: '/', count: 1 });
	const [connection] = connections;
	connection.request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
	const started = performance.now();
	const rest = whole(connection, PAUSE);
	const { onBytes } = connection;
	let text = '';
	const answer = await new Promise((resolve) => {
		connection.onBytes = (chunk) => {
			onBytes(chunk);
			text += chunk.toString();
			// The head may come alone.
			if (!/\r\n\r\n./s.test(text)) return;
			resolve({ begun: performance.now() - started, text });
			connection.onBytes = onBytes;
		};
	});
	return { ...answer, whole: (await rest).toString() };
}
