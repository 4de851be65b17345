import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { Client } from 'svelte-realtime/client';
import { afterEach, describe, expect, test } from 'vitest';
import { goingAway } from '../servers/away.ts';
import { connect, isRunning, startHost, startLoad, stopHosts, type Host } from '../servers/host.ts';
import { call, follow, publish } from '../servers/lines.ts';
import { until } from '../servers/until.ts';
import { FRONTS } from './fronts.ts';

afterEach(stopHosts);

/** Clients until there is one on every worker, by process. */
async function oneOnEach(host: Host): Promise<Map<number, Client>> {
	const found = new Map<number, Client>();
	while (found.size < host.workers().length) {
		const client = connect(host);
		const pid = await call(client, 'pid');
		if (found.has(pid)) client.close();
		else found.set(pid, client);
	}
	return found;
}

describe.each(FRONTS)('%s', (TRANSPORT) => {
	test('requests and sockets are spread over the workers, which share what they keep', async () => {
		const host = await startHost({ WORKERS: '2', TRANSPORT });
		const load = startLoad(host.port, 0, 8);
		await until(() => load.pids.size === 2);
		await load.stop();
		const [one, other] = [...(await oneOnEach(host)).values()] as [Client, Client];

		const heard = await follow(other);
		one.stream('app/room').subscribe(() => {});
		await call(one, 'remember', 'cart', { since: new Date(0) });
		for (let n = 0; n < 20; n += 1) await call(n % 2 ? one : other, 'add', `${n}`);
		await until(() => heard.ids().length === 20);

		expect(host.output()).toContain(`(${TRANSPORT}, 2 workers)`);
		expect(load.failures).toEqual([]);
		expect(heard.ids()).toEqual(Array.from({ length: 20 }, (_, n) => `${n}`));
		expect(await call(other, 'recall', 'cart')).toEqual({ since: new Date(0) });
		await until(async () => (await call(other, 'count')) === 1);
	});

	const REPLACED =
		'SIGHUP replaces every worker under load: no request fails, no stream starts anew';
	test(REPLACED, { timeout: 60_000 }, async () => {
		const host = await startHost({ WORKERS: '2', TRANSPORT });
		const before = host.workers();
		const followers = [...(await oneOnEach(host)).values()];
		const streams = await Promise.all(followers.map(follow));
		// What connects to a native listener in the moment in which that closes is reset by the system:
		// nothing has been read of it, and browsers ask again.
		const load = TRANSPORT === 'uws' ? startLoad(host.port, 4, 0, 2) : startLoad(host.port, 4, 1);
		const publisher = publish(connect(host));
		const [calling, called] = [goingAway('calls'), goingAway('answers')];
		const [one, other] = [connect(host, calling.WebSocket), connect(host, called.WebSocket)];
		await Promise.all([call(one, 'pid'), call(other, 'pid')]);
		await until(() => publisher.done.length > 20 && load.answered > 50);
		for (const { leave } of [calling, called]) leave();
		const late = Promise.all([call(one, 'add', 'unheard'), call(other, 'add', 'unanswered')]);
		await until(() => streams.every(({ ids }) => ids().includes('unanswered')));

		host.child.kill('SIGHUP');
		await until(() => host.output().includes('Worker 3 '));
		await until(() => !host.workers().includes(before[0]!));
		await until(() => host.output().includes('Worker 4 '));
		await until(() => host.output().includes('Every worker has been replaced'));
		const after = publisher.done.length;
		await until(() => publisher.done.length > after + 20);
		// Nobody is there any more who got these calls.
		for (const { back } of [calling, called]) back();
		const [ranOn, hadRun] = await late;
		await Promise.all([load.stop(), publisher.stop()]);
		const all = publisher.done.length + 2;
		await until(() => streams.every(({ ids }) => ids().length >= all));

		expect(load.failures.join()).toBe('');
		expect(publisher.failures.join()).toBe('');
		expect(host.workers()).toHaveLength(2);
		expect(host.workers().filter((pid) => before.includes(pid))).toEqual([]);
		expect(host.workers()).toContain(ranOn);
		expect(before).toContain(hadRun);
		for (const { ids } of streams) {
			expect(ids().filter((id) => /\d/.test(id))).toEqual(publisher.done);
			expect(ids().filter((id) => /un/.test(id))).toEqual(['unanswered', 'unheard']);
		}
	});

	test('a worker that is killed under load comes back; what was acknowledged is there, its people leave', async () => {
		const host = await startHost({ WORKERS: '2', TRANSPORT });
		const on = await oneOnEach(host);
		const [[, stays], [doomed, goes]] = [...on] as [[number, Client], [number, Client]];
		const heard = await follow(stays);
		stays.stream('app/room').subscribe(() => {});
		goes.stream('app/room').subscribe(() => {});
		await until(async () => (await call(stays, 'count')) === 2);
		const held = call(goes, 'hold', 'key', 60_000);
		held.catch(() => {});
		const publishers = [publish(stays, 'a'), publish(connect(host), 'b')];
		await until(() => publishers.every(({ done }) => done.length > 20));

		goes.close();
		process.kill(doomed, 'SIGKILL');
		await until(async () => (await call(stays, 'count')) === 1);
		const isFree = await call(stays, 'hold', 'key', 0);
		await until(() => host.workers().length === 2 && !host.workers().includes(doomed));
		await Promise.all(publishers.map(({ stop }) => stop()));
		const acknowledged = publishers.flatMap(({ done }) => done);
		await until(() => acknowledged.every((id) => heard.ids().includes(id)));

		expect(isFree).toEqual(expect.any(Number));
		expect(host.output()).toMatch(/has ended by SIGKILL/);
		expect(new Set(heard.ids()).size).toBe(heard.ids().length);
		expect(host.child.exitCode).toBe(null);
	});

	test('SIGTERM ends the workers and then the supervisor, with 0', async () => {
		const host = await startHost({ WORKERS: '2', TRANSPORT });
		const pids = host.workers();
		const client = connect(host);
		await call(client, 'pid');
		const codes: unknown[] = [];
		client.connection.subscribe(() => void codes.push(client.connection.closed?.code));

		host.child.kill('SIGTERM');

		expect(await host.ended).toBe(0);
		expect(pids.map(isRunning)).toEqual([false, false]);
		expect(codes).toContain(1012);
	});
});

test('when the supervisor is killed its workers end', async () => {
	const host = await startHost({ WORKERS: '2' });
	const pids = host.workers();

	host.child.kill('SIGKILL');
	await host.ended;

	await until(() => !pids.some(isRunning));
});

test('an app that crashes as it begins ends the supervisor with 1, a code and the reason', async () => {
	const failed = startHost({ WORKERS: '2', CRASH: 'boot' });

	await expect(failed).rejects.toThrow(/The server ended with 1/);
	await expect(failed).rejects.toThrow(/RT_WORKERS_FAILED.* 3 times in a row .* with code 1/);
	await expect(failed).rejects.toThrow(/It crashes as soon as it begins/);
});

test('a port that is taken is said so, and no worker is started', async () => {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address() as AddressInfo;

	const failed = startHost({ WORKERS: '2', PORT: String(port) });

	await expect(failed).rejects.toThrow(`Cannot listen on 127.0.0.1:${port}`);
	server.close();
});

test('SIGUSR2 has it told how the workers are', async () => {
	const host = await startHost({ WORKERS: '1' });
	host.child.kill('SIGUSR2');

	await until(() => /Worker 1 \(process \d+\): serves, \d+ s old/.test(host.output()));
	await until(() => /Supervisor: \d+ MiB of memory/.test(host.output()));
});
