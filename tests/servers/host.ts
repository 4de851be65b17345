/** A host on which an app runs in several processes, and load on it. */

import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { fileURLToPath } from 'node:url';
import { createClient, type Client, type WebSocketConstructor } from 'svelte-realtime/client';
import { WebSocket } from 'ws';
import { run, type Running } from '../e2e/site.ts';
import { built } from './child.ts';

export const APP: string = fileURLToPath(new URL('workers-app.ts', import.meta.url));

export interface Host extends Running {
	readonly port: number;
	/** Processes of the workers that serve by what was printed, oldest first. */
	workers(): number[];
}

const hosts = new Set<Host>();
const clients = new Set<Client>();

/**
 * @param variables Of the environment; WORKERS among them.
 * @param descriptors File descriptors that a process may have. @default as many as this one
 */
export async function startHost(
	variables: Record<string, string>,
	descriptors?: number
): Promise<Host> {
	const script = await built(APP);
	const env = { HOST: '127.0.0.1', PORT: '0', SHUTDOWN_TIMEOUT: '10', ...variables };
	const limited = ['sh', '-c', `ulimit -n ${descriptors}; exec "$0" "$@"`];
	const command = [...(descriptors === undefined ? [] : limited), process.execPath, script];
	const running = await run(command, process.cwd(), env, /Listening on (http:\S+)/);
	const host: Host = {
		...running,
		port: Number(new URL(running.url).port),
		workers: () => serving(running.output())
	};
	hosts.add(host);
	return host;
}

function serving(output: string): number[] {
	const pids = new Set<number>();
	for (const [, pid, what] of output.matchAll(/\(process (\d+)\) (serves|has ended)/g)) {
		if (what === 'serves') pids.add(Number(pid));
		else pids.delete(Number(pid));
	}
	return [...pids];
}

export function connect(
	{ port }: Pick<Host, 'port'>,
	constructor: WebSocketConstructor = WebSocket
): Client {
	const client = createClient({ url: `ws://127.0.0.1:${port}/ws`, WebSocket: constructor });
	clients.add(client);
	return client;
}

export async function stopHosts(): Promise<void> {
	for (const client of clients) client.close();
	clients.clear();
	await Promise.all(
		[...hosts].map(async ({ child, ended }) => {
			child.kill('SIGKILL');
			await ended;
		})
	);
	hosts.clear();
}

/** Whether there is such a process. */
export function isRunning(pid: number): boolean {
	try {
		return process.kill(pid, 0);
	} catch {
		return false;
	}
}

/** Requests as fast as they are answered, until `stop`. */
export interface Load {
	readonly answered: number;
	/** What went wrong. */
	readonly failures: readonly string[];
	/** Who answered. */
	readonly pids: ReadonlySet<string>;
	stop(): Promise<void>;
}

/**
 * @param kept Connections that are used again and again.
 * @param fresh Requests at a time, each with a connection of its own.
 * @param tries Times that a request is sent whose connection is reset before it is answered.
 */
export function startLoad(port: number, kept: number, fresh: number, tries: number = 1): Load {
	const failures: string[] = [];
	const pids = new Set<string>();
	const agent = new Agent({ keepAlive: true, maxSockets: kept });
	let answered = 0;
	let isOver = false;

	async function ask(options: object, triesLeft: number = tries): Promise<void> {
		try {
			const request = get({ host: '127.0.0.1', port, path: '/', ...options });
			const [response] = await once(request, 'response');
			let text = '';
			for await (const chunk of response.setEncoding('utf8')) text += chunk;
			if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${text}`);
			pids.add(text);
			answered += 1;
		} catch (error) {
			const isReset = (error as NodeJS.ErrnoException).code === 'ECONNRESET';
			if (isReset && triesLeft > 1) return ask(options, triesLeft - 1);
			failures.push(String(error));
		}
	}
	const loop = async (options: object, pause: number): Promise<void> => {
		while (!isOver) {
			await ask(options);
			if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
		}
	};
	const loops = [
		...Array.from({ length: kept }, () => loop({ agent }, 1)),
		...Array.from({ length: fresh }, () => loop({ agent: false }, 5))
	];
	return {
		get answered() {
			return answered;
		},
		failures,
		pids,
		async stop() {
			isOver = true;
			await Promise.all(loops);
			agent.destroy();
		}
	};
}
