/** The process that starts the workers, keeps what they share, and serves nobody itself. */

import cluster, { type Worker } from 'node:cluster';
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { systemClock } from '../../kernel/clock.ts';
import type { RealtimeError } from '../../kernel/errors.ts';
import { freePort } from '../runtime/port.ts';
import { claimPath } from '../runtime/socket-path.ts';
import { Crew, type WorkerProcess } from './crew.ts';
import { createHub, type Hub } from './hub.ts';
import { linePipe } from './lines.ts';
import { MARK, PIPE } from './member.ts';
import type { FromWorker, Reason } from './messages.ts';

export interface SuperviseOptions {
	readonly size: number;
	readonly host: string;
	/** 0 lets the system choose one for all workers. */
	readonly port: number;
	/** A Unix socket in place of both; the workers know of it. */
	readonly path?: string | undefined;
	/** Name of the variable by which a worker learns the port. */
	readonly portName: string;
	/** Milliseconds that a worker has to end in. */
	readonly patience: number;
	/** Whether SIGTERM, SIGINT, SIGHUP and SIGUSR2 are heeded, and a failure ends the process. */
	readonly signals: boolean;
}

export interface Supervisor {
	readonly transport: 'uws' | 'node';
	/** 0 where it is a Unix socket that is listened on. */
	readonly port: number;
	/** Ends all workers. */
	close(reason?: Reason): Promise<void>;
}

/** Bytes that may wait for a worker; past it the worker does not read any more. */
const UNREAD = 256 * 1024 * 1024;

/**
 * Starts workers on one port, and starts them again when they end.
 *
 * @throws {Error} When the port is taken. @throws {RealtimeError} RT_WORKERS_FAILED
 */
export async function supervise(options: SuperviseOptions): Promise<Supervisor> {
	const { size, host, signals } = options;
	const { path } = options;
	if (path !== undefined) await claimPath(path);
	const port = path === undefined ? await freePort(host, options.port) : 0;
	const hub = createHub({ clock: systemClock, report: (error) => console.error(error) });
	cluster.setupPrimary({ stdio: ['inherit', 'inherit', 'inherit', 'ipc', 'pipe'] });

	let transport: 'uws' | 'node' = 'node';
	let fail!: (error: RealtimeError) => void;
	const failed = new Promise<never>((_, reject) => (fail = reject));
	const crew = new Crew({
		size,
		clock: systemClock,
		random: Math.random,
		patience: options.patience,
		log,
		failed: (error) => fail(error),
		fork(id) {
			const forked = cluster.fork({ [options.portName]: String(port), [MARK]: String(id) });
			forked.on('message', (message: FromWorker) => {
				if (message.type === 'ready') transport = message.transport;
			});
			return processOf(forked, hub);
		}
	});

	// While every worker waits to be started again nothing else would hold the process.
	const held = setInterval(() => {}, 2 ** 30);
	let closing: Promise<void> | undefined;
	const close = (reason: Reason = 'close'): Promise<void> =>
		(closing ??= crew.end(reason).finally(() => clearInterval(held)));
	if (signals) onSignals(crew, close);
	failed.catch(() => clearInterval(held));
	await Promise.race([crew.start(), failed]);
	failed.catch((error: unknown) => {
		console.error(error);
		if (signals) process.exit(1);
	});
	return { transport, port, close };

	function onSignals(crew: Crew, close: (reason: Reason) => Promise<void>): void {
		const end = (signal: NodeJS.Signals): void => {
			if (closing) {
				crew.kill();
				process.exit(signal === 'SIGINT' ? 130 : 143);
			}
			void close(signal as Reason).then(() => process.exit(0));
		};
		process.on('SIGTERM', end);
		process.on('SIGINT', end);
		process.on('SIGHUP', () => {
			if (transport === 'uws') warnOfResets();
			void crew.restart();
		});
		process.on('SIGUSR2', () => report(crew));
	}
}

/** A worker's process, whose pipe leads to what all of them share. */
function processOf(forked: Worker, hub: Hub): WorkerProcess {
	const child = forked.process;
	const pipe = child.stdio[PIPE] as unknown as Duplex;
	const lines = linePipe(pipe);
	const line = hub.join((text) => {
		lines.send(text);
		if (pipe.writableLength > UNREAD) child.kill('SIGKILL');
	});
	lines.receive(line.receive);
	// A worker that has ended may have left something to read.
	pipe.once('close', line.gone);
	return {
		pid: child.pid ?? 0,
		tell: (message) => {
			if (child.connected) child.send(message, () => {});
		},
		kill: () => void child.kill('SIGKILL'),
		onMessage: (listener) => void forked.on('message', listener),
		onEnd(listener) {
			child.once('exit', (code, signal) => listener(signal ? `by ${signal}` : `with code ${code}`));
			child.once('error', (error) => listener(`before it began: ${error.message}`));
		}
	};
}

function report(crew: Crew): void {
	for (const { id, pid, isServing, age, memory, connections } of crew.states()) {
		const facts = [
			isServing ? 'serves' : 'starts',
			`${Math.round(age / 1000)} s old`,
			memory === undefined ? '' : `${Math.round(memory / 1024 / 1024)} MiB of memory`,
			connections === undefined ? '' : `${connections} connections`
		];
		log(`Worker ${id} (process ${pid}): ${facts.filter(Boolean).join(', ')}.`);
	}
	log(`Supervisor: ${Math.round(process.memoryUsage.rss() / 1024 / 1024)} MiB of memory.`);
}

/** With a port that is shared, the kernel resets what has connected to a listener that closes. */
function warnOfResets(): void {
	try {
		if (readFileSync('/proc/sys/net/ipv4/tcp_migrate_req', 'utf8').trim() !== '0') return;
	} catch {
		// No Linux, or one that does not have it: nothing can be done about it here.
		return;
	}
	log(
		'A connection that is being made in the moment in which a worker stops listening may be reset. `sysctl net.ipv4.tcp_migrate_req=1` hands it to another worker.'
	);
}

function log(line: string): void {
	console.log(`[svelte-realtime] ${line}`);
}
