/**
 * An app with many live modules, each as an author writes one: its types, its data, and one export of
 * each of the kinds that an app has most of.
 *
 * @typedef {{ path: string, code: string }} File
 */

/**
 * @param {number} count Modules; every fifth lies in a folder, and every tenth of these has a guard.
 * @returns {File[]} With paths from the root of the app.
 */
export function liveModules(count) {
	const modules = Array.from({ length: count }, (_, index) => ({
		path: `src/live/${nameOf(index)}.ts`,
		code: liveModule(index)
	}));
	const guards = modules.flatMap((_, index) =>
		index % 50 === 0 ? [{ path: `src/live/area${index / 5}/_guard.ts`, code: GUARD }] : []
	);
	return [{ path: 'src/lib/data.ts', code: DATA }, ...modules, ...guards];
}

/**
 * Pages that use all of it, one for three modules.
 *
 * @param {number} count Modules, as for `liveModules`.
 * @returns {File[]}
 */
export function pages(count) {
	return Array.from({ length: Math.ceil(count / 3) }, (_, index) => {
		const used = [0, 1, 2].map((more) => index * 3 + more).filter((at) => at < count);
		const imports = [
			...used.map((at) => `import * as live${at} from '$live/${nameOf(at)}';`),
			`import type { Row } from '../lib/data.ts';`
		];
		const code = used.map(
			(at) => `
export async function use${at}(): Promise<string[]> {
	const saved = await live${at}.save({ title: 'a', body: 'b' });
	const found = await live${at}.find('text', 10);
	await live${at}.remove(saved.id);
	const titles: string[] = [];
	live${at}.items.subscribe((items) => {
		for (const item of items ?? []) titles.push(item.title);
	});
	live${at}.comments(saved.id).subscribe((comments) => {
		for (const comment of comments ?? []) titles.push(comment.text);
	});
	return [...titles, ...table${at}(found).keys()];
}

/** What it shows of them, by day. */
function table${at}(rows: readonly Row[]): Map<string, { row: Row; label: string }[]> {
	const days = new Map<string, { row: Row; label: string }[]>();
	for (const row of [...rows].sort((a, b) => b.at - a.at || a.title.localeCompare(b.title))) {
		const day = new Date(row.at).toISOString().slice(0, 10);
		const label = [row.title, row.body.slice(0, 80)].filter(Boolean).join(': ');
		days.set(day, [...(days.get(day) ?? []), { row, label }]);
	}
	return days;
}
`
		);
		return { path: `src/pages/page${index}.ts`, code: imports.join('\n') + '\n' + code.join('') };
	});
}

/** @param {number} index */
function nameOf(index) {
	return index % 5 === 0 ? `area${index / 5}/module${index}` : `module${index}`;
}

const GUARD = `import { guard } from 'svelte-realtime';

export const _guard = guard((ctx) => ctx.user !== null);
`;

const DATA = `export interface Row {
	id: string;
	title: string;
	body: string;
	at: number;
}

export const rows: Row[] = [];

export async function find<T extends keyof Row>(key: T, value: Row[T]): Promise<Row[]> {
	return rows.filter((row) => row[key] === value);
}
`;

/** @param {number} index */
function liveModule(index) {
	const up = index % 5 === 0 ? '../..' : '..';
	return `import * as v from 'valibot';
import { live } from 'svelte-realtime';
import { find as findRows, rows, type Row } from '${up}/lib/data.ts';

/** What module ${index} is about. */
export interface Item${index} extends Row {
	author: string | null;
	tags: readonly string[];
}

export interface Comment${index} {
	id: string;
	text: string;
	likes: number;
}

const Draft = v.object({ title: v.pipe(v.string(), v.minLength(1)), body: v.string() });

const comments${index} = new Map<string, Comment${index}[]>();

/** Keeps an item. */
export const save = live(Draft, async (ctx, draft): Promise<Item${index}> => {
	const author = ctx.user === null ? null : 'somebody';
	const item = { ...draft, id: \`i\${rows.length}\`, at: rows.length, author, tags: [] };
	rows.push(item);
	void ctx.publish('items${index}', 'created', item);
	return item;
});

/** Finds items by their text. */
export const find = live(async (_ctx, text: string, most?: number): Promise<Item${index}[]> => {
	const found = await findRows('title', text);
	return found.slice(0, most).map((row) => ({ ...row, author: null, tags: [] }));
});

/** Takes an item away, and says whether there was one. */
export const remove = live(async (ctx, id: string) => {
	const at = rows.findIndex((row) => row.id === id);
	if (at >= 0) void ctx.publish('items${index}', 'deleted', rows.splice(at, 1)[0]);
	return at >= 0;
});

/** All items. */
export const items = live.stream('items${index}', async (): Promise<Item${index}[]> =>
	rows.map((row) => ({ ...row, author: null, tags: [] }))
);

/** What was said about one. */
export const comments = live.stream(
	(_ctx, id: string) => \`comments${index}:\${id}\`,
	async (_ctx, id): Promise<Comment${index}[]> => comments${index}.get(id) ?? [],
	{ merge: 'latest' }
);

/** Who reads it. */
export const readers = live.presence('items${index}', { data: (ctx) => ({ path: ctx.path }) });
`;
}
