/**
 * A WebSocket client made of a TCP socket: the handshake and the frame headers by hand.
 *
 * It reads payloads only where it is asked to, which makes it cheap enough to keep up with a
 * server; a client library is the bottleneck long before the server is.
 */

import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const TEXT = 1;
const CLOSE = 8;
const PING = 9;

/** An answer to a ping, with no payload and a mask of zero. */
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);

/** Every socket reads into the same memory: a read is over before the next one begins. */
const shared = Buffer.allocUnsafe(256 * 1024);

export class RawConnection {
	/** Called once per text frame, when all of it has arrived. @type {(payload: Buffer | undefined) => void} */
	onFrame = () => {};
	/** Whether `onFrame` is handed the payload; without it only headers are read. */
	reads = true;
	/** @type {(error: Error) => void} */
	onError = (error) => {
		throw error;
	};

	/** Bytes of payloads that have come in. */
	received = 0;

	#socket;
	/** Resolves when the handshake is done. @type {Promise<void>} */
	opened;
	#upgraded = false;
	#opcode = 0;
	/** Bytes of the current payload that are still to come. */
	#left = 0;
	#header = Buffer.allocUnsafe(10);
	#headerBytes = 0;
	/** @type {Buffer[]} */
	#pieces = [];

	/**
	 * @param {{ port: number, path: string, from?: string, cookie?: string }} target `from`: the address
	 * of this machine that it connects from; one has ports for 28,000 connections to a server.
	 */
	constructor({ port, path, from, cookie }) {
		this.opened = new Promise((resolve, reject) => {
			let response = '';
			const upgrade = (bytes) => {
				response += bytes.toString('latin1');
				const end = response.indexOf('\r\n\r\n');
				if (end < 0) return;
				if (!response.startsWith('HTTP/1.1 101')) return reject(new Error(response.slice(0, 300)));
				this.#upgraded = true;
				resolve();
				this.#read(Buffer.from(response.slice(end + 4), 'latin1'));
			};
			this.#socket = connect({
				port,
				host: '127.0.0.1',
				localAddress: from,
				noDelay: true,
				onread: {
					buffer: shared,
					callback: (size) => {
						const bytes = shared.subarray(0, size);
						if (this.#upgraded) this.#read(bytes);
						else upgrade(bytes);
						return true;
					}
				}
			});
			this.#socket.on('error', (error) => (this.#upgraded ? this.onError(error) : reject(error)));
			this.#socket.on('end', () => this.onError(new Error('The server ended a connection.')));
			this.#socket.write(handshake(port, path, cookie));
		});
	}

	/** @param {Buffer} frame A whole frame, as `textFrame` makes them. */
	send(frame) {
		this.#socket.write(frame);
	}

	end() {
		this.onError = () => {};
		this.#socket.destroy();
	}

	#read(bytes) {
		let at = 0;
		while (at < bytes.length) {
			if (this.#left === 0) {
				const used = this.#readHeader(bytes, at);
				at += used;
				if (this.#headerBytes > 0) return;
				if (this.#left === 0) this.#finish();
				continue;
			}
			const size = Math.min(this.#left, bytes.length - at);
			const isWhole = size === this.#left && this.#pieces.length === 0;
			if (this.reads || this.#opcode === CLOSE) {
				const piece = bytes.subarray(at, at + size);
				this.#pieces.push(isWhole ? piece : Buffer.from(piece));
			}
			at += size;
			this.received += size;
			this.#left -= size;
			if (this.#left === 0) this.#finish();
		}
	}

	/** Returns how many bytes it took; `#headerBytes` is above 0 while the header is incomplete. */
	#readHeader(bytes, start) {
		let at = start;
		const need = () => {
			if (this.#headerBytes < 2) return 2;
			const short = this.#header[1] & 0x7f;
			return short === 126 ? 4 : short === 127 ? 10 : 2;
		};
		while (this.#headerBytes < need()) {
			if (at === bytes.length) return at - start;
			this.#header[this.#headerBytes++] = bytes[at++];
		}
		const short = this.#header[1] & 0x7f;
		this.#opcode = this.#header[0] & 0x0f;
		this.#headerBytes = 0;
		if (short < 126) this.#left = short;
		else if (short === 126) this.#left = this.#header.readUInt16BE(2);
		else this.#left = this.#header.readUInt32BE(6);
		return at - start;
	}

	#finish() {
		const pieces = this.#pieces;
		this.#pieces = [];
		const payload =
			pieces.length === 0 ? undefined : pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
		if (this.#opcode === TEXT) this.onFrame(payload);
		else if (this.#opcode === CLOSE) {
			const code = payload === undefined ? 1005 : payload.readUInt16BE(0);
			this.onError(new Error(`The server closed a connection: ${code}`));
		} else if (this.#opcode === PING) this.#socket.write(PONG);
	}
}

/**
 * Writes a client's text frame. Its mask is zero, so that the payload can be changed in place.
 *
 * @param {string} text
 */
export function textFrame(text) {
	const payload = Buffer.from(text);
	if (payload.length > 0xffff) throw new RangeError('Longer frames are not needed here.');
	const short = payload.length < 126;
	const header = Buffer.alloc(short ? 6 : 8);
	header[0] = 0x80 | TEXT;
	header[1] = 0x80 | (short ? payload.length : 126);
	if (!short) header.writeUInt16BE(payload.length, 2);
	return Buffer.concat([header, payload]);
}

function handshake(port, path, cookie) {
	return [
		`GET ${path} HTTP/1.1`,
		`Host: 127.0.0.1:${port}`,
		`Origin: http://127.0.0.1:${port}`,
		'Upgrade: websocket',
		'Connection: Upgrade',
		`Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
		'Sec-WebSocket-Version: 13',
		...(cookie === undefined ? [] : [`Cookie: ${cookie}`]),
		'\r\n'
	].join('\r\n');
}
