import { expect, test } from 'vitest';
import { plain, read, tableUnder } from './markdown.ts';

const README = read('vite/README.md');

test('the options of the plugin are those of its README, with their defaults', () => {
	const source = read('vite/index.ts');
	const options = source.slice(
		source.indexOf('export interface RealtimeOptions'),
		source.indexOf('export function realtime(')
	);
	const declared = [...options.matchAll(/@default (\S+) ?[^]*?\n\t(\w+)\?:/g)].map(
		([, value, name]) => [name, value]
	);

	const rows = tableUnder(README, 'option').map(([name, value]) => [plain(name!), plain(value!)]);
	expect(declared).toHaveLength(4);
	expect(rows).toEqual(declared);
});

test('the warnings of the plugin are those of its README', () => {
	const codes = [...read('vite/warnings.ts').matchAll(/'(RT_\w+)'/g)].map(([, code]) => code);

	const rows = tableUnder(README, 'code').map(([code]) => plain(code!));
	expect(new Set(rows)).toEqual(new Set(codes));
});
