import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { withFasterHash } from '../../adapter/page-hash.ts';
import { seeded } from '../kernel/random.ts';

type Hash = (...values: (string | Uint8Array)[]) => string;

const kit = dirname(createRequire(import.meta.url).resolve('@sveltejs/kit/package.json'));
const SOURCE = readFileSync(join(kit, 'src/utils/hash.js'), 'utf8');
/** As bundlers write it. */
const BUNDLED = SOURCE.replaceAll('(hash * 33)', 'hash * 33');
/** As they write it where the name is taken. */
const RENAMED = BUNDLED.replace(/\bhash\b(?!\()/g, 'hash2');

test.each([
	['its source', SOURCE],
	['its source in a bundle', BUNDLED],
	['its source under other names', RENAMED]
])("%s: the hash of SvelteKit's own, of whatever it is asked for", async (_name, source) => {
	const [kits, ours] = [await load(source), await load(withFasterHash(source))];
	const random = seeded(20);
	const unit = (): string => String.fromCharCode(random.below(0x10000));
	for (let round = 0; round < 200; round++) {
		let text = '';
		const pieces = random.below(round % 2 === 0 ? 40 : 1000);
		for (let at = 0; at < pieces; at++) text += random.chance(0.3) ? unit() : `piece ${at}`;
		expect(ours(text)).toBe(kits(text));
		const bytes = new TextEncoder().encode(text);
		expect(ours(text, bytes, 'more')).toBe(kits(text, bytes, 'more'));
	}
	expect(ours('')).toBe(kits(''));
	expect(() => ours(1 as never)).toThrow(TypeError);
});

test('what follows it stays on its lines, and other code is left as it is', () => {
	const lineOf = (code: string, text: string): number =>
		code.slice(0, code.indexOf(text)).split('\n').length;
	expect(lineOf(withFasterHash(SOURCE), 'return (hash')).toBe(lineOf(SOURCE, 'return (hash'));
	expect(withFasterHash(SOURCE)).not.toContain('(hash * 33) ^ value');
	for (const other of [SOURCE.replaceAll('* 33', '* 31'), 'let i = value.length;']) {
		expect(withFasterHash(other)).toBe(other);
	}
});

async function load(source: string): Promise<Hash> {
	const url = `data:text/javascript,${encodeURIComponent(source)}`;
	return ((await import(/* @vite-ignore */ url)) as { hash: Hash }).hash;
}
