import { request } from 'node:http';
import prom from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { live } from 'svelte-realtime';
import { metrics, type MetricsEndpoint } from 'svelte-realtime/plugins/metrics';
import { replay } from 'svelte-realtime/plugins/replay';
import { rpc } from 'svelte-realtime/plugins/rpc';
import { streams } from 'svelte-realtime/plugins/streams';
import { single } from 'svelte-realtime/presets';
import { freePort } from '../e2e/site.ts';
import { startKernel, takeErrors } from '../kernel/tracked.ts';
import { until } from '../servers/until.ts';

beforeEach(() => prom.register.clear());
afterEach(() => prom.register.clear());

async function start(endpoint?: MetricsEndpoint) {
	const kernel = await startKernel([
		metrics({ ...(endpoint && { endpoint }) }),
		rpc(),
		replay(),
		streams()
	]);
	kernel.mount({ app: { fine: live(() => 1), rows: live.stream('rows', () => []) } });
	return kernel;
}

interface Answer {
	readonly status: number;
	readonly type: string | undefined;
	readonly text: string;
}

/** Asks a port of this machine; rejects where nobody listens. */
function ask(port: number, path = '/metrics', headers = {}, method = 'GET'): Promise<Answer> {
	return new Promise((resolve, reject) => {
		const asked = request({ host: '127.0.0.1', port, path, headers, method, agent: false });
		asked.on('error', reject);
		asked.on('response', (response) => {
			let text = '';
			response.on('data', (chunk: Buffer) => (text += chunk.toString()));
			response.on('end', () =>
				resolve({ status: response.statusCode!, type: response.headers['content-type'], text })
			);
		});
		asked.end();
	});
}

const answers = async (port: number): Promise<boolean> =>
	ask(port).then(
		() => true,
		() => false
	);

test('it is off by default: nothing listens, no page is offered, and prom-client has no metrics', async () => {
	const kernel = await startKernel(single());

	expect(kernel.find('metrics.page')).toBe(undefined);
	expect(kernel.describe().match(/^ +(?!shutdown)\w+: .*\bmetrics\b.*$/gm)).toBe(null);
	expect(await prom.register.getMetricsAsJSON()).toEqual([]);
});

test('a port of its own shows what was counted, and what the process takes, until the server ends', async () => {
	const port = await freePort();
	const kernel = await start({ port, host: '127.0.0.1' });
	const ada = await kernel.connect();
	await ada.call('app/fine');
	await until(() => answers(port));

	const { status, type, text } = await ask(port);

	expect({ status, type }).toEqual({ status: 200, type: prom.register.contentType });
	expect(text).toContain('svelte_realtime_connections 1\n');
	expect(text).toContain('svelte_realtime_rpc_total{path="app/fine",status="ok"} 1\n');
	expect(text).toMatch(/^process_cpu_seconds_total \d/m);
	expect((await ask(port, '/')).status).toBe(404);
	expect(await ask(port, '/metrics?x=1', {}, 'HEAD')).toMatchObject({ status: 200, text: '' });
	expect((await ask(port, '/metrics', {}, 'POST')).status).toBe(405);
	expect(kernel.find('metrics.page')).toBe(undefined);

	await kernel.shutdown();
	expect(await answers(port)).toBe(false);
});

test('a port that is taken keeps nobody from the app, is told of once, and is had when it is free', async () => {
	const port = await freePort();
	const first = await start({ port, host: '127.0.0.1' });
	await until(() => answers(port));

	const second = await start({ port, host: '127.0.0.1' });
	expect(await (await second.connect()).call('app/fine')).toBe(1);
	await until(() => second.errors.length > 0);
	await second.clock.advance(5000);
	expect(takeErrors(second)).toEqual([expect.stringContaining('EADDRINUSE')]);
	await first.shutdown();

	await until(async () => {
		await second.clock.advance(1000);
		return answers(port);
	});
	expect(takeErrors(second)).toEqual([]);
});

test('without a port it is a page of the site, which asks for the token', async () => {
	const kernel = await start({ path: '/internal/metrics', token: 'secret' });
	const page = kernel.find('metrics.page')!;

	const read = async (authorization: string | undefined) =>
		(await page.answer({ method: 'GET', authorization })).status;

	expect(page.path).toBe('/internal/metrics');
	expect(await read('Bearer secret')).toBe(200);
	for (const wrong of [undefined, '', 'Bearer ', 'Bearer secre', 'Bearer secret2', 'secret']) {
		expect([wrong, await read(wrong)]).toEqual([wrong, 401]);
	}
});

test('an app that declares the same registry is counted once', async () => {
	const kernel = await start({ path: '/metrics' });
	kernel.mount({ app: { fine: live(() => 1), counted: live.metrics(prom) } });
	const ada = await kernel.connect();

	await ada.call('app/fine');

	const answer = await kernel
		.find('metrics.page')!
		.answer({ method: 'GET', authorization: undefined });
	expect(await answer.text()).toContain(
		'svelte_realtime_rpc_total{path="app/fine",status="ok"} 1\n'
	);
});

test('a metric of the app that cannot be read is an error of the page alone', async () => {
	const kernel = await start({ path: '/metrics' });
	new prom.Gauge({
		name: 'broken',
		help: 'x',
		collect() {
			throw new Error('mine');
		}
	});

	const answer = await kernel
		.find('metrics.page')!
		.answer({ method: 'GET', authorization: undefined });

	expect(answer.status).toBe(500);
	expect(takeErrors(kernel)).toEqual(['metrics Error: mine']);
});

test.each([
	['path', { path: 'metrics' }],
	['path', { path: '/a b' }],
	['port', { port: 65_536 }],
	['port', { port: '9100' as never }],
	['token', { path: '/metrics', token: '' }]
])('a wrong %s is refused where it is written', (name, endpoint) => {
	expect(() => metrics({ endpoint })).toThrow(`The option "${name}" of metrics({ endpoint })`);
});
