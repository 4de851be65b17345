/** HTTP by hand: what goes over the wire is what the test wrote. */

import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

export interface RawResponse {
	status: number;
	/** `HTTP/1.1 200 OK` */
	statusLine: string;
	/** Names in lower case, in order, repeated ones kept. */
	headers: [string, string][];
	header(name: string): string | undefined;
	body: Buffer;
	text: string;
}

/** One connection that sends raw bytes and reads answers one after the other. */
export class RawConnection {
	readonly socket: Socket;
	#buffer: Buffer = Buffer.alloc(0);
	#ended: boolean = false;
	#wake: (() => void)[] = [];

	constructor(socket: Socket) {
		this.socket = socket;
		const wake = (): void => {
			for (const resolve of this.#wake.splice(0)) resolve();
		};
		socket.on('data', (chunk) => {
			this.#buffer = Buffer.concat([this.#buffer, chunk]);
			wake();
		});
		socket.on('close', () => {
			this.#ended = true;
			wake();
		});
		socket.on('error', () => {});
	}

	static async open(port: number): Promise<RawConnection> {
		const socket = connect(port, '127.0.0.1');
		await once(socket, 'connect');
		return new RawConnection(socket);
	}

	get isEnded(): boolean {
		return this.#ended;
	}

	get received(): string {
		return this.#buffer.toString('latin1');
	}

	send(text: string | Buffer): void {
		this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
	}

	/** Settles when `claim` holds of what has been received and not yet taken. */
	async until(claim: (received: Buffer) => boolean): Promise<void> {
		while (!claim(this.#buffer)) {
			if (this.#ended) throw new Error(`the connection ended after: ${this.received}`);
			await new Promise<void>((resolve) => this.#wake.push(resolve));
		}
	}

	async closed(): Promise<void> {
		while (!this.#ended) await new Promise<void>((resolve) => this.#wake.push(resolve));
	}

	async head(): Promise<Omit<RawResponse, 'body' | 'text'>> {
		await this.until((received) => received.includes('\r\n\r\n'));
		const end = this.#buffer.indexOf('\r\n\r\n');
		const [statusLine = '', ...lines] = this.#take(end + 4)
			.toString('latin1')
			.trimEnd()
			.split('\r\n');
		const headers = lines.map((line): [string, string] => {
			const colon = line.indexOf(':');
			return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
		});
		return {
			status: Number(statusLine.split(' ')[1]),
			statusLine,
			headers,
			header: (name) => headers.find(([key]) => key === name)?.[1]
		};
	}

	/** The next whole answer. @param isHead It answers a HEAD, so no body follows. */
	async response(isHead = false): Promise<RawResponse> {
		const head = await this.head();
		const body =
			isHead || head.status === 304 || head.status === 204
				? Buffer.alloc(0)
				: await this.#body(head);
		return { ...head, body, text: body.toString() };
	}

	async chunk(): Promise<Buffer> {
		await this.until((received) =>
			received.includes('\r\n', received.indexOf('\r\n') === 0 ? 2 : 0)
		);
		if (this.received.startsWith('\r\n')) this.#take(2);
		const end = this.#buffer.indexOf('\r\n');
		const size = parseInt(this.#take(end + 2).toString('latin1'), 16);
		await this.until((received) => received.length >= size);
		return this.#take(size);
	}

	async #body(head: Omit<RawResponse, 'body' | 'text'>): Promise<Buffer> {
		if (head.header('transfer-encoding') === 'chunked') {
			const chunks: Buffer[] = [];
			for (let chunk = await this.chunk(); chunk.length > 0; chunk = await this.chunk())
				chunks.push(chunk);
			await this.until((received) => received.length >= 2);
			this.#take(2);
			return Buffer.concat(chunks);
		}
		const length = Number(head.header('content-length') ?? 0);
		await this.until((received) => received.length >= length);
		return this.#take(length);
	}

	#take(length: number): Buffer {
		const taken = this.#buffer.subarray(0, length);
		this.#buffer = this.#buffer.subarray(length);
		return taken;
	}
}

/** One request on a connection of its own. */
export async function raw(port: number, text: string): Promise<RawResponse> {
	const connection = await RawConnection.open(port);
	connection.send(text);
	try {
		return await connection.response(text.startsWith('HEAD '));
	} finally {
		connection.socket.destroy();
	}
}

/** A request without a body, written out. */
export function request(
	path: string,
	headers: Record<string, string> = {},
	method = 'GET'
): string {
	const all = { Host: 'example.com', ...headers };
	const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
	return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}
