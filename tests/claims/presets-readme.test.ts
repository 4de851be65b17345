import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { plain, read, tableUnder } from './markdown.ts';

const README = read('presets/README.md');

/** The names of the options of an interface. */
function optionsOf(file: string, name: string): string[] {
	const [, body] = new RegExp(`interface ${name}[^{]*\\{\\n([\\s\\S]*?)\\n\\}`).exec(read(file))!;
	return [...body!.matchAll(/^\t(\w+)\?:/gm)].map(([, option]) => option!);
}

const single = optionsOf('presets/single.ts', 'SingleOptions');
const cluster = optionsOf('presets/cluster.ts', 'ClusterOptions');

test('the options of single() that the README lists are the code', () => {
	const [, listed] = /by their names: ([^.]*)\./.exec(README)!;

	expect([...listed!.matchAll(/`(\w+)`/g)].map(([, name]) => name).sort()).toEqual(
		single.filter((name) => name !== 'replay').sort()
	);
});

test('the table of options of cluster() is the code', () => {
	const rows = tableUnder(README, 'of `cluster()`').map(([name]) => plain(name!));

	expect(rows.sort()).toEqual([...cluster].sort());
});

/** A number that stands behind a name in a text. */
const numberAfter = (text: string, name: string): number =>
	Number(new RegExp(`${name}\\D+?(\\d+)`).exec(text)?.[1]);

test('Kubernetes and Docker wait for longer than a server takes to end', () => {
	const compose = read('playground/docker-compose.yml');
	const grace = numberAfter(README, 'terminationGracePeriodSeconds:') * 1000;
	const delay = numberAfter(README, 'SHUTDOWN_DELAY_MS, value:');

	// The last steps after the requests have 5 s each: announcing, and releasing.
	expect(grace).toBeGreaterThanOrEqual(
		delay + numberAfter(README, 'SHUTDOWN_TIMEOUT, value:') * 1000 + 10_000
	);
	expect(numberAfter(compose, 'stop_grace_period:')).toBeGreaterThanOrEqual(
		numberAfter(compose, 'SHUTDOWN_TIMEOUT:') + 10
	);
});

test('the probes and the proxies ask for what the server has', () => {
	const probes = read('adapter/runtime/probe.ts');
	const nginx = read('playground/nginx.conf');

	for (const [, path] of README.matchAll(/httpGet: \{ path: (\S+),/g)) {
		expect(probes).toContain(path);
	}
	const idle = 120;
	expect(README).toContain(`\`limits.idleTimeout\` (${idle} s)`);
	expect(read('kernel/limits.ts')).toContain('idleTimeout: 120_000');
	expect(numberAfter(nginx, 'proxy_read_timeout')).toBeGreaterThan(idle);
	expect(numberAfter(README, 'proxy-read-timeout:')).toBeGreaterThan(idle);
});

test('what the README asks of a proxy is in the config of the playground', () => {
	const section = /\*\*Behind a proxy\.\*\*[^]*?\n\n(- [^]*?)\n\n/.exec(read('README.md'))![1]!;
	const directives = [...section.matchAll(/`((?:proxy|client|worker)_[\w. ]+)`/g)].map(
		([, directive]) => directive!
	);
	const nginx = read('playground/nginx.conf');

	expect(directives.length).toBeGreaterThan(3);
	for (const directive of directives) expect(nginx).toContain(directive);
	// A page asks after four fifths of its heartbeat.
	expect(section).toContain('lets 20 s of silence pass');
	expect(read('kernel/client/heartbeat.ts')).toContain('heartbeat = 25_000');
});

test('the files that it names are there', () => {
	const named = [...README.matchAll(/`((?:tests|playground)\/[\w./-]+)`/g)].map(
		([, file]) => file!
	);

	expect(named.length).toBeGreaterThan(3);
	for (const file of named) {
		expect([file, existsSync(new URL(`../../${file}`, import.meta.url))]).toEqual([file, true]);
	}
});
