import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { pageHash } from '../../adapter/page-hash.ts';
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
	const [kits, ours] = [await load(source), await load(transform(source)!)];
	const random = seeded(20);
	const unit = (): string => String.fromCharCode(random.below(0x10000));
	for (let round = 0; round < 200; round++) {
		let text = '';
		const pieces = random.below(40);
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
	expect(lineOf(transform(SOURCE)!, 'return (hash')).toBe(lineOf(SOURCE, 'return (hash'));
	expect(transform(SOURCE)).not.toContain('charCodeAt');
	expect(transform(SOURCE.replace('* 33', '* 31'))).toBeUndefined();
	expect(transform('let i = value.length;')).toBeUndefined();
});

function transform(code: string): string | undefined {
	const { transform: hook } = pageHash() as object as {
		transform(code: string): { code: string } | null;
	};
	return hook(code)?.code;
}

async function load(source: string): Promise<Hash> {
	const url = `data:text/javascript,${encodeURIComponent(source)}`;
	return ((await import(/* @vite-ignore */ url)) as { hash: Hash }).hash;
}
