import { expect, test } from 'vitest';
import { settle, VirtualClock } from 'svelte-realtime/testing';
import { Crew, pause, type WorkerProcess } from '../../adapter/workers/crew.ts';
import type { FromWorker, ToWorker } from '../../adapter/workers/messages.ts';

/** A process that does what a test says. */
class Fake implements WorkerProcess {
	readonly told: ToWorker[] = [];
	readonly pid: number;
	readonly bornAt: number;
	isOver = false;
	#message: (message: FromWorker) => void = () => {};
	#end: (how: string) => void = () => {};

	constructor(id: number, bornAt: number) {
		this.pid = 1000 + id;
		this.bornAt = bornAt;
	}
	tell(message: ToWorker): void {
		this.told.push(message);
	}
	kill(): void {
		this.end('by SIGKILL');
	}
	onMessage(listener: (message: FromWorker) => void): void {
		this.#message = listener;
	}
	onEnd(listener: (how: string) => void): void {
		this.#end = listener;
	}
	serve(): void {
		this.#message({ type: 'ready', instance: `i${this.pid}`, transport: 'uws' });
	}
	answer(): void {
		this.#message({ type: 'pong', memory: 5, connections: 7 });
	}
	end(how = 'with code 1'): void {
		if (this.isOver) return;
		this.isOver = true;
		this.#end(how);
	}
	get isLeaving(): boolean {
		return this.told.some(({ type }) => type === 'leave');
	}
}

async function crewOf(size: number) {
	const clock = new VirtualClock();
	const processes: Fake[] = [];
	const failures: Error[] = [];
	const lines: string[] = [];
	const crew = new Crew({
		...{ size, clock, patience: 1000 },
		random: () => 0.5,
		fork(id) {
			const process = new Fake(id, clock.now());
			processes.push(process);
			return process;
		},
		log: (line) => void lines.push(line),
		failed: (error) => void failures.push(error)
	});
	let isComplete = false;
	void crew.start().then(() => (isComplete = true));
	return {
		...{ crew, clock, processes, failures, lines },
		isComplete: () => isComplete,
		running: () => processes.filter(({ isOver }) => !isOver),
		/** All that run, and have not come to serve, do. */
		async serve() {
			for (const process of processes) if (!process.isOver && !process.isLeaving) process.serve();
			await settle();
		}
	};
}

test('it is complete when every worker serves', async () => {
	const { processes, isComplete, serve } = await crewOf(3);
	processes[0]!.serve();
	processes[1]!.serve();
	await settle();
	expect(isComplete()).toBe(false);

	await serve();

	expect(isComplete()).toBe(true);
	expect(processes).toHaveLength(3);
});

test('a worker that ends is started again, each time later, up to five seconds', async () => {
	const { processes, clock, serve } = await crewOf(1);
	await serve();
	const gaps: number[] = [];
	for (let n = 0; n < 8; n += 1) {
		const last = processes.at(-1)!;
		last.serve();
		const endedAt = clock.now();
		last.end();
		while (processes.at(-1) === last) await clock.advance(50);
		gaps.push(processes.at(-1)!.bornAt - endedAt);
	}

	expect(gaps).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
});

test('the pauses of workers that end together differ', () => {
	expect([pause(1, 0), pause(1, 0.999)].map(Math.round)).toEqual([75, 125]);
	expect([pause(40, 0), pause(40, 0.999)].map(Math.round)).toEqual([3750, 6248]);
});

test('a worker that has worked for a while is started again soon, however often that was', async () => {
	const { processes, clock, serve, failures } = await crewOf(1);
	for (let n = 0; n < 20; n += 1) {
		await serve();
		await clock.advance(6000);
		const endedAt = clock.now();
		processes.at(-1)!.end('by SIGSEGV');
		await clock.advance(200);
		expect(processes.at(-1)!.bornAt - endedAt).toBe(100);
	}

	expect(failures).toEqual([]);
});

test('what never comes to serve is given up after three times, with a code and the reason', async () => {
	const { processes, clock, failures } = await crewOf(1);
	for (let n = 0; n < 3; n += 1) {
		processes.at(-1)!.end('with code 78');
		await clock.advance(10_000);
	}

	expect(processes).toHaveLength(3);
	expect(failures).toMatchObject([{ code: 'RT_WORKERS_FAILED' }]);
	expect(failures[0]!.message).toContain('3 times in a row');
	expect(failures[0]!.message).toContain('with code 78');
});

test('what comes to serve and ends at once is given up after ten times, and not before', async () => {
	const { processes, clock, failures, running } = await crewOf(2);
	for (let n = 0; n < 10; n += 1) {
		expect(failures).toEqual([]);
		for (const process of running()) {
			process.serve();
			process.end();
		}
		await clock.advance(10_000);
	}

	expect(failures).toMatchObject([{ code: 'RT_WORKERS_FAILED' }]);
	expect(running()).toEqual([]);
	expect(processes.length).toBeLessThanOrEqual(21);
});

test('as long as another worker works, one that ends again and again ends nothing', async () => {
	const { processes, clock, failures, running } = await crewOf(2);
	const [steady] = processes;
	steady!.serve();
	for (let n = 0; n < 30; n += 1) {
		for (const process of running()) if (process !== steady) process.end();
		steady!.answer();
		await clock.advance(6000);
	}

	expect(failures).toEqual([]);
	expect(steady!.isOver).toBe(false);
});

test('in a restart no worker leaves before its successor serves, one after the other', async () => {
	const { crew, processes, serve } = await crewOf(2);
	await serve();
	const [a, b] = processes as [Fake, Fake];
	const restarted = crew.restart();
	await settle();
	const [, , c] = processes;
	expect([a.isLeaving, b.isLeaving, processes.length]).toEqual([false, false, 3]);

	c!.serve();
	await settle();
	expect(a.told).toEqual([{ type: 'leave', reason: 'SIGHUP', siblings: [] }]);
	expect([b.isLeaving, processes.length]).toEqual([false, 3]);
	a.end('with code 0');
	await settle();
	processes[3]!.serve();
	await settle();
	expect(b.isLeaving).toBe(true);
	b.end('with code 0');
	await restarted;

	expect(processes).toHaveLength(4);
	expect(crew.states().map(({ pid }) => pid)).toEqual([1003, 1004]);
});

test('a successor that does not come to serve ends the restart, and the others stay', async () => {
	const { crew, processes, serve, lines, clock } = await crewOf(2);
	await serve();
	const restarted = crew.restart();
	await settle();
	processes[2]!.end();
	await restarted;
	await clock.advance(20_000);

	expect(processes).toHaveLength(3);
	expect(processes.slice(0, 2).map(({ isOver, isLeaving }) => isOver || isLeaving)).toEqual([
		false,
		false
	]);
	expect(lines.at(-1)).toContain('did not come to serve');
});

test('a worker that ends while its successor starts is not started twice', async () => {
	const { crew, processes, serve, clock, running } = await crewOf(1);
	await serve();
	const restarted = crew.restart();
	await settle();
	processes[0]!.end('by SIGKILL');
	processes[1]!.serve();
	await restarted;
	await clock.advance(20_000);

	expect(running()).toEqual([processes[1]]);
	expect(processes).toHaveLength(2);
});

test('at the end each is told who ends with it, and one that does not heed it is killed', async () => {
	const { crew, processes, serve, clock } = await crewOf(2);
	await serve();
	const ended = crew.end('SIGTERM');
	processes[0]!.end('with code 0');
	await clock.advance(1000);
	await ended;
	await clock.advance(60_000);

	const leave = { type: 'leave', reason: 'SIGTERM', siblings: ['i1001', 'i1002'] };
	expect(processes.map(({ told }) => told)).toEqual([[leave], [leave]]);
	expect(processes.map(({ isOver }) => isOver)).toEqual([true, true]);
});

test('a worker that does not answer is killed and started again; how the others are is known', async () => {
	const { crew, processes, serve, clock } = await crewOf(2);
	await serve();
	const [hung, well] = processes as [Fake, Fake];
	for (let n = 0; n < 5; n += 1) {
		await clock.advance(10_000);
		well.answer();
	}

	expect([hung.isOver, well.isOver]).toEqual([true, false]);
	expect(processes).toHaveLength(3);
	expect(crew.states()).toContainEqual({
		...{ id: 2, pid: 1002, isServing: true, age: 50_000, memory: 5, connections: 7 }
	});
});

test('a worker that never comes to serve nor ends is killed after a minute', async () => {
	const { processes, clock } = await crewOf(1);
	await clock.advance(59_000);
	expect(processes[0]!.isOver).toBe(false);

	await clock.advance(2000);

	expect(processes[0]!.isOver).toBe(true);
});
