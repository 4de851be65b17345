/** The environment variables of the server, and what they say about a request. */

import { availableParallelism } from 'node:os';
import { RealtimeError } from '../../kernel/errors.ts';
import { peerAddress } from './address.ts';
import type { CertificateFiles } from './certificate.ts';
import { forwardedAddress, originReader } from './forwarded.ts';
import type { NodeTimeouts } from './node-server.ts';

/** Request headers, names in lower case; several of one name are joined. */
export type RequestHeaders = Readonly<Record<string, string>>;

export interface Environment {
	readonly host: string;
	/** 0 lets the system choose. */
	readonly port: number;
	/** The Unix socket to listen on, in place of host and port. */
	readonly path: string | undefined;
	/** The file descriptor of a socket that systemd has opened, in place of host and port. */
	readonly fd: number | undefined;
	/** Files of the certificate and its key; `undefined`: plain HTTP. */
	readonly certificate: CertificateFiles | undefined;
	/** Milliseconds after which a server on such a descriptor ends that serves nobody. */
	readonly idleTimeout: number | undefined;
	/** Time-outs of Node's HTTP server that are set. */
	readonly timeouts: NodeTimeouts;
	/** Bytes of a request body; `Infinity` for no limit. */
	readonly bodyLimit: number;
	/** Whether answers of the app are compressed as they are sent. */
	readonly compresses: boolean;
	/** Whether those who ask the same at the same moment get one render. */
	readonly sharesRenders: boolean;
	/** Milliseconds that running requests get when the server is told to end. */
	readonly shutdownTimeout: number;
	/** Milliseconds that connections are still accepted for after that, while `/readyz` says 503. */
	readonly shutdownDelay: number;
	/**
	 * Milliseconds over which sockets are closed one after the other; `undefined`: as long as their
	 * number asks for, where other instances take them.
	 */
	readonly shutdownSpread: number | undefined;
	/** Processes that share the port; `undefined`: this one alone, without a supervisor. */
	readonly workers: number | undefined;
	/** Stands before the name of every variable. */
	readonly prefix: string;
	/** Header that holds the address of the client, in lower case. */
	readonly addressHeader: string | undefined;
	/**
	 * Address of the client.
	 *
	 * @throws {Error} When ADDRESS_HEADER is set and the request does not carry what it promises.
	 */
	clientAddress(headers: RequestHeaders, socketAddress: string): string;
	/** The server's own origin, where it does not depend on the request. */
	readonly fixedOrigin: string | undefined;
	/** The server's own origin; `undefined` where the request's Host, or what stands for it, is malformed. */
	origin(headers: RequestHeaders): string | undefined;
	/** Both, for a socket: a request that came past the proxy counts under its own address. */
	resolve(
		headers: RequestHeaders,
		socketAddress: string
	): { ip: string; origin: string | undefined };
}

export interface EnvironmentOptions {
	/** Stands before the name of every variable. @default '' */
	prefix?: string;
	/** Used where ORIGIN is not set. */
	origin?: string | undefined;
	/** Another server listens, and what says where and how is its own. @default false */
	isEmbedded?: boolean;
}

/** The variables that are read. */
export const NAMES = [
	'HOST',
	'PORT',
	'SOCKET_PATH',
	'ORIGIN',
	'PROTOCOL_HEADER',
	'HOST_HEADER',
	'PORT_HEADER',
	'ADDRESS_HEADER',
	'XFF_DEPTH',
	'BODY_SIZE_LIMIT',
	'SHUTDOWN_TIMEOUT',
	'IDLE_TIMEOUT',
	'KEEP_ALIVE_TIMEOUT',
	'HEADERS_TIMEOUT',
	'SSL_CERT',
	'SSL_KEY',
	'COMPRESS',
	'SHARE_RENDERS',
	'SHUTDOWN_DELAY_MS',
	'SHUTDOWN_SPREAD_MS',
	'WORKERS'
] as const;

/** Those that systemd sets; no prefix stands before them. */
export const SYSTEMD_NAMES = ['LISTEN_FDS', 'LISTEN_PID'] as const;

type Name = (typeof NAMES)[number];

/**
 * Reads and checks the variables of the server; the README's table says what each of them is.
 *
 * Times are in seconds, as in SvelteKit's own Node adapter, where the name does not end in `_MS`.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID for a value that cannot be meant.
 */
export function readEnvironment(
	variables: Readonly<Record<string, string | undefined>>,
	options: EnvironmentOptions = {}
): Environment {
	const prefix = options.prefix ?? '';
	if (prefix !== '') refuseUnknown(variables, prefix);
	const read = (name: Name): string | undefined => variables[prefix + name] || undefined;
	const integer = (name: Name, fallback: number, [low, high]: [number, number]): number => {
		const text = read(name);
		if (text === undefined) return fallback;
		const value = /^\d+$/.test(text) ? Number(text) : NaN;
		if (value >= low && value <= high) return value;
		throw invalid(prefix + name, text, `an integer from ${low} to ${high}`);
	};

	const seconds = (name: Name): number | undefined =>
		read(name) === undefined ? undefined : integer(name, 0, [0, 86_400]) * 1000;
	const listens = !options.isEmbedded;
	const certificate = listens
		? certificateFiles(prefix, read('SSL_CERT'), read('SSL_KEY'))
		: undefined;
	const fd = listens ? systemdSocket(variables) : undefined;
	const workers = workersOf(prefix + 'WORKERS', read('WORKERS'));
	if (fd !== undefined && workers !== undefined) {
		throw invalid('LISTEN_FDS', '1', `unset where ${prefix}WORKERS is set`);
	}
	const addresses = {
		header: read('ADDRESS_HEADER')?.toLowerCase(),
		depth: integer('XFF_DEPTH', 1, [1, 100]),
		name: `${prefix}ADDRESS_HEADER`
	};
	const fixed = fixedOrigin(prefix + 'ORIGIN', read('ORIGIN') ?? options.origin);
	const origin = originReader({
		fixed,
		protocol: certificate ? 'https' : 'http',
		protocolHeader: read('PROTOCOL_HEADER')?.toLowerCase(),
		hostHeader: read('HOST_HEADER')?.toLowerCase(),
		portHeader: read('PORT_HEADER')?.toLowerCase()
	});

	return {
		host: read('HOST') ?? '0.0.0.0',
		port: integer('PORT', 3000, [0, 65_535]),
		path: fd === undefined ? read('SOCKET_PATH') : undefined,
		fd,
		certificate,
		idleTimeout: seconds('IDLE_TIMEOUT') || undefined,
		timeouts: {
			keepAlive: seconds('KEEP_ALIVE_TIMEOUT'),
			headers: seconds('HEADERS_TIMEOUT')
		},
		bodyLimit: bytes(prefix + 'BODY_SIZE_LIMIT', read('BODY_SIZE_LIMIT') ?? '512K'),
		compresses: isTrue(prefix + 'COMPRESS', read('COMPRESS')),
		sharesRenders: isTrue(prefix + 'SHARE_RENDERS', read('SHARE_RENDERS')),
		shutdownTimeout: integer('SHUTDOWN_TIMEOUT', 30, [0, 86_400]) * 1000,
		shutdownDelay: integer('SHUTDOWN_DELAY_MS', 0, [0, 86_400_000]),
		shutdownSpread: read('SHUTDOWN_SPREAD_MS')
			? integer('SHUTDOWN_SPREAD_MS', 0, [0, 86_400_000])
			: undefined,
		workers,
		prefix,
		addressHeader: addresses.header,
		fixedOrigin: fixed,
		origin,
		clientAddress: (headers, socketAddress) => {
			const found = forwardedAddress(headers, socketAddress, addresses);
			if (found instanceof Error) throw found;
			return found;
		},
		resolve: (headers, socketAddress) => {
			const found = forwardedAddress(headers, socketAddress, addresses);
			return {
				ip: found instanceof Error ? peerAddress(socketAddress) : found,
				origin: origin(headers)
			};
		}
	};
}

function invalid(name: string, value: string, rule: string): RealtimeError {
	return new RealtimeError('RT_OPTION_INVALID', [
		name,
		'the environment',
		JSON.stringify(value),
		rule
	]);
}

/** A prefix is there to keep variables apart, so a name that nothing reads is a mistyped one. */
function refuseUnknown(variables: Readonly<Record<string, unknown>>, prefix: string): void {
	for (const name of Object.keys(variables)) {
		if (!name.startsWith(prefix)) continue;
		if ((NAMES as readonly string[]).includes(name.slice(prefix.length))) continue;
		throw new RealtimeError('RT_OPTION_INVALID', [
			name,
			'the environment',
			`unknown, and the adapter reads what begins with "${prefix}"`,
			`one of ${NAMES.join(', ')} behind that prefix`
		]);
	}
}

function certificateFiles(
	prefix: string,
	cert: string | undefined,
	key: string | undefined
): CertificateFiles | undefined {
	if (cert !== undefined && key !== undefined) return { cert, key };
	if (cert === undefined && key === undefined) return undefined;
	const [given, missing] = cert === undefined ? ['SSL_KEY', 'SSL_CERT'] : ['SSL_CERT', 'SSL_KEY'];
	throw invalid(
		`${prefix}${missing}`,
		'',
		`set where ${prefix}${given} is: the path of a PEM file`
	);
}

/** The first descriptor of those that systemd hands over. */
const SYSTEMD_FD = 3;

function systemdSocket(
	variables: Readonly<Record<string, string | undefined>>
): number | undefined {
	const { LISTEN_FDS: count, LISTEN_PID: pid } = variables;
	if (!count || count === '0') return undefined;
	if (count !== '1') throw invalid('LISTEN_FDS', count, '1: the server listens on one socket');
	if (pid === String(process.pid)) return SYSTEMD_FD;
	throw invalid('LISTEN_PID', pid ?? '', `${process.pid}, the process that is to get the socket`);
}

function workersOf(name: string, text: string | undefined): number | undefined {
	if (text === undefined) return undefined;
	if (text === 'auto') return availableParallelism();
	const count = /^\d+$/.test(text) ? Number(text) : NaN;
	if (count >= 1 && count <= 1024) return count;
	throw invalid(name, text, 'a number of processes from 1 to 1024, or auto for one on each core');
}

function isTrue(name: string, text: string | undefined): boolean {
	if (text === undefined || text === 'false') return false;
	if (text === 'true') return true;
	throw invalid(name, text, 'true or false');
}

function bytes(name: string, text: string): number {
	if (text === 'Infinity') return Infinity;
	const match = /^(\d+(?:\.\d+)?)([KMG]?)B?$/i.exec(text);
	const factor = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[match?.[2]?.toUpperCase() ?? ''];
	if (!match || factor === undefined) {
		throw invalid(name, text, 'a number of bytes, such as 512K, 10M or 1G, or Infinity');
	}
	return Math.floor(Number(match[1]) * factor);
}

function fixedOrigin(name: string, text: string | undefined): string | undefined {
	if (text === undefined) return undefined;
	const url = URL.canParse(text) ? new URL(text) : undefined;
	if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url.origin;
	throw invalid(name, text, 'an http or https URL, such as https://example.com');
}
