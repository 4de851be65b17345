import { expect, test } from 'vitest';
import { read, tableUnder } from './markdown.ts';

const README = read('testing/README.md');

/** Names in the first column of a table. */
function documented(heading: string): string[] {
	const rows = tableUnder(README, heading);
	return rows.flatMap(([names]) => [...names!.matchAll(/`(\w+)`/g)].map(([, name]) => name!));
}

/** Members of an interface, as its source has them. */
function declared(file: string, name: string): string[] {
	const [, body = ''] =
		new RegExp(`export interface ${name}\\b[^{]*\\{([^]*?)^\\}`, 'm').exec(read(file)) ?? [];
	return [...body.matchAll(/^\t(?:readonly )?(\w+)\??[:(<]/gm)].map(([, member]) => member!);
}

test.each([
	['of `createTestEnv()`', 'testing/env.ts', 'TestEnvOptions', []],
	['of the environment', 'testing/env.ts', 'TestEnv', []],
	['of a client', 'testing/client.ts', 'TestClient', ['batch', 'connection', 'onSignal']],
	['of a stream', 'testing/stream.ts', 'TestStream', []]
])('the table %s is the code', (heading, file, name, inherited) => {
	const members = [...new Set([...declared(file, name), ...inherited])];

	expect(members.length).toBeGreaterThan(5);
	expect(documented(heading).sort()).toEqual(members.sort());
});
