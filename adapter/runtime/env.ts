/** The environment variables of the server, and what they say about a request. */

import { availableParallelism } from 'node:os';
import { RealtimeError } from '../../kernel/errors.ts';
import { peerAddress } from './address.ts';

/** Request headers, names in lower case; several of one name are joined. */
export type RequestHeaders = Readonly<Record<string, string>>;

export interface Environment {
	readonly host: string;
	/** 0 lets the system choose. */
	readonly port: number;
	/** Bytes of a request body; `Infinity` for no limit. */
	readonly bodyLimit: number;
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
	/** Name of the variable that is the port. */
	readonly portName: string;
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
}

/** The variables that are read. */
export const NAMES = [
	'HOST',
	'PORT',
	'ORIGIN',
	'PROTOCOL_HEADER',
	'HOST_HEADER',
	'PORT_HEADER',
	'ADDRESS_HEADER',
	'XFF_DEPTH',
	'BODY_SIZE_LIMIT',
	'SHUTDOWN_TIMEOUT',
	'SHUTDOWN_DELAY_MS',
	'SHUTDOWN_SPREAD_MS',
	'WORKERS'
] as const;

type Name = (typeof NAMES)[number];

/**
 * Reads and checks the variables of the server.
 *
 * HOST (0.0.0.0), PORT (3000), ORIGIN, PROTOCOL_HEADER, HOST_HEADER, PORT_HEADER, ADDRESS_HEADER,
 * XFF_DEPTH (1), BODY_SIZE_LIMIT (512K; bytes, or with K, M, G, or Infinity), SHUTDOWN_TIMEOUT (30,
 * in seconds as in SvelteKit's own Node adapter), SHUTDOWN_DELAY_MS (0), SHUTDOWN_SPREAD_MS, WORKERS
 * (a number of processes, or auto for one on each core).
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

	const addresses = {
		header: read('ADDRESS_HEADER')?.toLowerCase(),
		depth: integer('XFF_DEPTH', 1, [1, 100]),
		name: `${prefix}ADDRESS_HEADER`
	};
	const fixed = fixedOrigin(prefix + 'ORIGIN', read('ORIGIN') ?? options.origin);
	const origin = originReader({
		fixed,
		protocolHeader: read('PROTOCOL_HEADER')?.toLowerCase(),
		hostHeader: read('HOST_HEADER')?.toLowerCase(),
		portHeader: read('PORT_HEADER')?.toLowerCase()
	});

	return {
		host: read('HOST') ?? '0.0.0.0',
		port: integer('PORT', 3000, [0, 65_535]),
		bodyLimit: bytes(prefix + 'BODY_SIZE_LIMIT', read('BODY_SIZE_LIMIT') ?? '512K'),
		shutdownTimeout: integer('SHUTDOWN_TIMEOUT', 30, [0, 86_400]) * 1000,
		shutdownDelay: integer('SHUTDOWN_DELAY_MS', 0, [0, 86_400_000]),
		shutdownSpread: read('SHUTDOWN_SPREAD_MS')
			? integer('SHUTDOWN_SPREAD_MS', 0, [0, 86_400_000])
			: undefined,
		workers: workersOf(prefix + 'WORKERS', read('WORKERS')),
		portName: `${prefix}PORT`,
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

function workersOf(name: string, text: string | undefined): number | undefined {
	if (text === undefined) return undefined;
	if (text === 'auto') return availableParallelism();
	const count = /^\d+$/.test(text) ? Number(text) : NaN;
	if (count >= 1 && count <= 1024) return count;
	throw invalid(name, text, 'a number of processes from 1 to 1024, or auto for one on each core');
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

// --- the address of the client ---

function forwardedAddress(
	headers: RequestHeaders,
	socketAddress: string,
	rule: { header: string | undefined; depth: number; name: string }
): string | Error {
	if (rule.header === undefined) return peerAddress(socketAddress);
	const value = headers[rule.header];
	if (!value) {
		return new Error(`${rule.name} is "${rule.header}", and the request has no such header.`);
	}
	if (rule.header !== 'x-forwarded-for') return value;
	const addresses = value.split(',');
	// Counted from the right: what stands further left may be the client's own invention.
	const address = addresses[addresses.length - rule.depth]?.trim();
	if (address) return address;
	return new Error(
		`XFF_DEPTH is ${rule.depth}, and x-forwarded-for holds ${addresses.length} addresses.`
	);
}

// --- the origin of the server ---

interface OriginRules {
	fixed: string | undefined;
	protocolHeader: string | undefined;
	hostHeader: string | undefined;
	portHeader: string | undefined;
}

function fixedOrigin(name: string, text: string | undefined): string | undefined {
	if (text === undefined) return undefined;
	const url = URL.canParse(text) ? new URL(text) : undefined;
	if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url.origin;
	throw invalid(name, text, 'an http or https URL, such as https://example.com');
}

function originReader(rules: OriginRules): (headers: RequestHeaders) => string | undefined {
	if (rules.fixed !== undefined) return () => rules.fixed;
	/** Parsing a URL is dear and hosts repeat; emptied when somebody sends ever new ones. */
	const known = new Map<string, string | undefined>();
	return (headers) => {
		const text = candidate(rules, headers);
		if (text === undefined) return undefined;
		if (known.has(text)) return known.get(text);
		if (known.size >= 256) known.clear();
		const origin = URL.canParse(text) ? new URL(text).origin : undefined;
		known.set(text, origin);
		return origin;
	};
}

function candidate(rules: OriginRules, headers: RequestHeaders): string | undefined {
	const protocol = (rules.protocolHeader && headers[rules.protocolHeader]) || 'http';
	if (protocol !== 'http' && protocol !== 'https') return undefined;
	let host = (rules.hostHeader && headers[rules.hostHeader]) || headers['host'];
	if (!host || /[\s/\\@?#,]/.test(host)) return undefined;
	const port = rules.portHeader && headers[rules.portHeader];
	if (port) {
		if (!/^\d{1,5}$/.test(port)) return undefined;
		host = `${host.replace(/:\d*$/, '')}:${port}`;
	}
	return `${protocol}://${host}`;
}
