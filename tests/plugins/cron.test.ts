import { expect, test } from 'vitest';
import { live, type CronContext } from 'svelte-realtime';
import { single } from 'svelte-realtime/presets';
import { settle, VirtualClock } from 'svelte-realtime/testing';
import { startKernel, takeErrors } from '../kernel/tracked.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const BERLIN = { timezone: 'Europe/Berlin' };
const UTC = { timezone: 'UTC' };

/** A kernel that stands at the beginning of `date`, in UTC. */
async function at(date: string, modules: object = {}) {
	const clock = new VirtualClock(Date.parse(date));
	const kernel = await startKernel(single(), { clock });
	kernel.mount({ jobs: modules as never });
	return kernel;
}

/** A job that notes when it ran. */
function noting(expression: string, options: object = UTC) {
	const runs: string[] = [];
	let now = (): number => 0;
	const job = live.cron(
		expression,
		() => void runs.push(new Date(now()).toISOString().slice(0, 16)),
		options
	);
	const start = async (date: string) => {
		const kernel = await at(date, { job });
		now = () => kernel.clock.now();
		return kernel;
	};
	return { runs, job, start };
}

test('a job runs at its times, on the minute, and not when it is mounted', async () => {
	const { runs, start } = noting('*/20 * * * *');
	const kernel = await start('2026-03-01T10:07:13Z');

	await kernel.clock.advance(HOUR);

	expect(runs).toEqual(['2026-03-01T10:20', '2026-03-01T10:40', '2026-03-01T11:00']);
});

/** The times of an expression after a date. */
function times(expression: string, options: object, date: string, count: number): string[] {
	const { next } = live.cron(expression, () => 0, options)['~live'];
	let time = Date.parse(date);
	return Array.from({ length: count }, () => {
		time = next(time)!;
		return new Date(time).toISOString().slice(0, 16);
	});
}

test('a job of a time zone keeps to its clock when that is set forward', () => {
	const found = times('30 9 * * *', BERLIN, '2026-03-28T00:00:00Z', 2);

	expect(found).toEqual(['2026-03-28T08:30', '2026-03-29T07:30']);
});

test.each([
	['0 0 * * 7', 'sunday is 7 as well', ['01', '08', '15']],
	['0 0 1-10/5 * *', 'a range has a step', ['01', '06']],
	['0 0 13 * 5', 'the day of the month or that of the week', ['06', '13', '20']],
	['0 0 1-2,9 * *', 'ranges and days in one list', ['01', '02', '09']]
])('in %s %s', (expression, _claim, days) => {
	const found = times(expression, UTC, '2026-02-28T12:00:00Z', days.length);

	expect(found).toEqual(days.map((day) => `2026-03-${day}T00:00`));
});

test('a job whose time is far off runs then', async () => {
	const { runs, start } = noting('0 6 * * *');
	const kernel = await start('2026-03-01T00:10:00Z');

	await kernel.clock.advance(6 * HOUR);

	expect(runs).toEqual(['2026-03-01T06:00']);
});

test.each([
	['61 * * * *'],
	['* * * *'],
	['@daily'],
	['tomorrow at noon, or so'],
	['5/0 * * * *'],
	['0 0 30 2 *'],
	['* * * * 8'],
	['2030-01-01T00:00:00'],
	['']
])('the expression %j is refused where it is declared, by its name', (expression) => {
	expect(() => live.cron(expression, () => 0)).toThrow(JSON.stringify(expression));
});

test('what is no option is refused where it is declared', () => {
	const job = (options: object) => () => live.cron('* * * * *', () => 0, options);

	expect(job({ timezone: 'Mars/Olympus' })).toThrow('"timezone" of live.cron() is Mars/Olympus');
	expect(job({ missed: 'all' })).toThrow('"missed" of live.cron() is all');
	expect(job({ overlap: 1 })).toThrow('"overlap" of live.cron() is 1');
	expect(() => live.cron('* * * * *', '__secret', () => 0)).toThrow('"topic"');
	expect(() => live.cron('* * * * *', 'topic', undefined as never)).toThrow('RT_LIVE_ARGUMENTS');
});

test('the result of a job is published, where there is one', async () => {
	const answers = [1, undefined, 2];
	const job = live.cron('* * * * *', 'ticks', () => Promise.resolve(answers.shift()));
	const ticks = live.stream('ticks', () => 0, { merge: 'set' });
	const kernel = await at('2026-03-01T10:00:30Z', { job, ticks });
	const ada = await kernel.connect();
	const { events } = await ada.follow('jobs/ticks');

	await kernel.clock.advance(3 * MINUTE);

	expect(events).toMatchObject([
		{ event: 'set', data: 1 },
		{ event: 'set', data: 2 }
	]);
});

test('a job has the services, publishes, and is nobody', async () => {
	const seen: unknown[] = [];
	const job = live.cron('* * * * *', (ctx: CronContext) => {
		seen.push(ctx.user, ctx.path, ctx.abortSignal.aborted, 'connection' in ctx);
		seen.push(typeof (ctx as unknown as { throttle: unknown }).throttle);
		void ctx.publish('news', 'said', 1);
	});
	const kernel = await at('2026-03-01T10:00:30Z', { job });

	await kernel.clock.advance(MINUTE);

	expect(seen).toEqual([null, 'jobs/job', false, false, 'function']);
	expect(await kernel.publish('news', 'said', 2)).toMatchObject({ position: { seq: 2 } });
});

/** A job whose runs last until the test ends them. */
function lasting(options: object) {
	const runs: (() => void)[] = [];
	const job = live.cron(
		'* * * * *',
		() => new Promise<void>((resolve) => void runs.push(resolve)),
		options
	);
	return { runs, job };
}

test('a job does not begin while it is still going, and begins again at its next time', async () => {
	const { runs, job } = lasting({});
	const kernel = await at('2026-03-01T10:00:30Z', { job });

	await kernel.clock.advance(3 * MINUTE);
	expect(runs).toHaveLength(1);
	runs[0]!();
	await settle();
	expect(runs).toHaveLength(1);
	await kernel.clock.advance(MINUTE);

	expect(runs).toHaveLength(2);
});

test('one run makes up for those whose time passed meanwhile, where that is wanted', async () => {
	const { runs, job } = lasting({ missed: 'run' });
	const kernel = await at('2026-03-01T10:00:30Z', { job });

	await kernel.clock.advance(3 * MINUTE);
	runs[0]!();
	await settle();
	expect(runs).toHaveLength(2);
	runs[1]!();
	await settle();

	expect(runs).toHaveLength(2);
});

test('a job that may overlap begins at each of its times', async () => {
	const { runs, job } = lasting({ overlap: true });
	const kernel = await at('2026-03-01T10:00:30Z', { job });

	await kernel.clock.advance(3 * MINUTE);

	expect(runs).toHaveLength(3);
});

/** A clock whose machine can sleep: time goes on, and timers stand still. */
class SleepingClock extends VirtualClock {
	slept: number = 0;
	override now(): number {
		return super.now() + this.slept;
	}
}

test.each([
	['skip', 0],
	['run', 1]
])('of runs that a sleeping machine missed, %s makes %i', async (missed, count) => {
	let runs = 0;
	const job = live.cron('0 * * * *', () => void (runs += 1), { missed: missed as 'run', ...UTC });
	const clock = new SleepingClock(Date.parse('2026-03-01T10:30:00Z'));
	const kernel = await startKernel(single(), { clock });
	kernel.mount({ jobs: { job } });

	clock.slept = 5 * HOUR;
	await clock.advance(MINUTE);
	expect(runs).toBe(count);
	await clock.advance(30 * MINUTE);

	expect(runs).toBe(count + 1);
});

test('a job that fails is reported by its path, and runs again', async () => {
	let runs = 0;
	const job = live.cron('* * * * *', () => {
		runs += 1;
		if (runs === 1) throw new Error('at once');
		return Promise.reject(new Error('later'));
	});
	const kernel = await at('2026-03-01T10:00:30Z', { job });

	await kernel.clock.advance(2 * MINUTE);

	expect(String(kernel.errors[0]!.error)).toContain('"jobs/job"');
	expect(takeErrors(kernel)).toEqual(['cron RT_REACTION_FAILED', 'cron RT_REACTION_FAILED']);
});

test('jobs follow the modules that are mounted, and are never doubled', async () => {
	const runs: string[] = [];
	const job = (name: string) => live.cron('* * * * *', () => void runs.push(name));
	const [one, two, changed] = [job('one'), job('two'), job('changed')];
	const kernel = await at('2026-03-01T10:00:30Z', { one, again: one, two });

	await kernel.clock.advance(MINUTE);
	expect(runs.splice(0)).toEqual(['one', 'two']);
	kernel.mount({ jobs: { one, two: changed } });
	kernel.mount({ jobs: { one, two: changed } });
	await kernel.clock.advance(MINUTE);
	expect(runs.splice(0)).toEqual(['one', 'changed']);
	kernel.mount({});
	await kernel.clock.advance(HOUR);

	expect(runs).toEqual([]);
});

test('modules that are refused leave the jobs as they are', async () => {
	const runs: string[] = [];
	const job = (name: string) => live.cron('* * * * *', () => void runs.push(name));
	const kernel = await at('2026-03-01T10:00:30Z', { job: job('old') });
	const taken = { topic: 'taken' };
	const twins = { a: live.derived(['x'], () => 1, taken), b: live.derived(['x'], () => 2, taken) };

	expect(() => kernel.mount({ jobs: { job: job('new'), ...twins } })).toThrow('"taken"');
	await kernel.clock.advance(MINUTE);

	expect(runs).toEqual(['old']);
});

test('no client can run a job, whatever it says that it is', async () => {
	let runs = 0;
	const job = live.cron('* * * * *', () => void (runs += 1));
	const kernel = await at('2026-03-01T10:00:00Z', { job });
	const eve = await kernel.connect();

	await expect(eve.call('jobs/job')).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
	await expect(eve.follow('jobs/job')).rejects.toMatchObject({ code: 'INVALID_REQUEST' });

	expect(runs).toBe(0);
});
