/** One app on three servers: SvelteKit's own adapter, and this package's two transports. */

import { raw, RawConnection, request, type RawResponse } from '../../adapter/raw.ts';
import { run, stop, type Running } from '../site.ts';
import { DIFFERS, type Claim } from './differs.ts';

export type ServerName = 'adapter-node' | 'uws' | 'node';
export const SERVERS: readonly ServerName[] = ['adapter-node', 'uws', 'node'];

/** Headers of every request: the scheme that the server is told of, and who it is. */
const USUAL = { Host: 'site.test', 'X-Forwarded-Proto': 'http' };
const ORIGIN = 'http://site.test';

/** Bytes of a request body that the servers take. */
export const BODY_LIMIT: number = 40 * 1024 * 1024;

export type Asked = Record<string, string>;

/** A running server of the fixture. */
export interface Beside {
	readonly name: ServerName;
	readonly port: number;
	readonly isOurs: boolean;
	/** What is right, or what this server does instead, as the list of differences has it. */
	expected(claim: Claim, right: unknown): unknown;
	get(path: string, headers?: Asked): Promise<RawResponse>;
	ask(method: string, path: string, headers?: Asked): Promise<RawResponse>;
	post(path: string, body: string | Buffer, headers?: Asked): Promise<RawResponse>;
	/** A connection on which a request has been sent. */
	open(method: string, path: string, headers?: Asked): Promise<RawConnection>;
	/** What the app has noted under an id. */
	notes(id: string): Promise<string[]>;
	control(): Promise<{ order: string[]; spans: string[]; ticks: string }>;
	/** Opens a gate that something in the app waits at. */
	release(gate: string): Promise<void>;
	output(): string;
	stop(): Promise<void>;
}

/** The claims whose difference has been met with. */
export const met: Set<string> = new Set();

/** Starts what was built in `folder`. */
export async function startBeside(
	name: ServerName,
	folder: string,
	variables: Record<string, string> = {}
): Promise<Beside> {
	const isOurs = name !== 'adapter-node';
	const env = {
		NODE_ENV: 'production',
		HOST: '127.0.0.1',
		PORT: '0',
		PROTOCOL_HEADER: 'x-forwarded-proto',
		...(isOurs && { TRANSPORT: name, COMPRESS: 'true' }),
		BODY_SIZE_LIMIT: String(BODY_LIMIT),
		...variables
	};
	const running: Running = await run(
		[process.execPath, 'build'],
		folder,
		env,
		/Listening on (http:\S+)/
	);
	const port = Number(new URL(running.url).port);
	const open = async (method: string, path: string, headers: Asked = {}) => {
		const connection = await RawConnection.open(port);
		connection.send(request(path, { ...USUAL, ...headers }, method));
		return connection;
	};
	const ask = (method: string, path: string, headers: Asked = {}): Promise<RawResponse> =>
		raw(port, request(path, { ...USUAL, ...headers }, method));
	const control = async (query = '') =>
		JSON.parse((await ask('GET', `/control?${query}`)).text) as never;
	return {
		name,
		port,
		isOurs,
		expected(claim, right) {
			const { theirs, uws } = DIFFERS[claim];
			const instead = { 'adapter-node': theirs, uws, node: undefined }[name];
			if (instead === undefined) return right;
			met.add(`${claim}: ${name}`);
			return instead;
		},
		get: (path, headers) => ask('GET', path, headers),
		ask,
		async post(path, body, headers = {}) {
			const bytes = Buffer.from(body);
			const connection = await open('POST', path, {
				Origin: ORIGIN,
				'Content-Type': 'application/x-www-form-urlencoded',
				'Content-Length': String(bytes.length),
				...headers
			});
			connection.send(bytes);
			const response = await connection.response();
			connection.socket.destroy();
			return response;
		},
		open,
		notes: async (id) => (await control(`of=${id}`))['notes'],
		control,
		async release(gate) {
			await ask('POST', `/control?open=${gate}`, { Origin: ORIGIN, 'Content-Length': '0' });
		},
		output: running.output,
		stop: () => stop(running)
	};
}

/** The answer, or that the connection has ended without one. */
export async function answerOn(connection: RawConnection): Promise<RawResponse | 'none'> {
	try {
		return await connection.response();
	} catch {
		return 'none';
	} finally {
		connection.socket.destroy();
	}
}

export const statusOf = (answer: RawResponse | 'none'): number | 'none' =>
	answer === 'none' ? 'none' : answer.status;
