import { expect, test } from 'vitest';
import { HookTable } from '../../kernel/hooks.ts';

const names = (entries: readonly { plugin: string }[]): string[] =>
	entries.map(({ plugin }) => plugin);

/** Lists what is cached behind the table's back: the one thing that its answers do not show. */
const cachedTypes = (table: HookTable, type: string): boolean =>
	table.forType(type) === table.forType(type);

test('handlers are listed pre, default, post, and within each in the order of adding', () => {
	const table = new HookTable();
	table.add('post', 'open', () => {}, { order: 'post' });
	table.add('a', 'open', () => {});
	table.add('pre 1', 'open', () => {}, { order: 'pre' });
	table.add('b', 'open', () => {});
	table.add('pre 2', 'open', () => {}, { order: 'pre' });

	expect(names(table.list('open'))).toEqual(['pre 1', 'pre 2', 'a', 'b', 'post']);
});

test('a hook without handlers lists none', () => {
	expect(new HookTable().list('open')).toEqual([]);
});

test('a removed handler is gone from every list, and removing it again does nothing', () => {
	const table = new HookTable();
	const handler = (): void => {};
	const remove = table.add('a', 'open', handler);
	table.add('b', 'open', handler);

	remove();
	remove();

	expect(names(table.list('open'))).toEqual(['b']);
});

test('one handler may be added twice, each time with its own filter', () => {
	const table = new HookTable();
	const handler = (): void => {};
	table.add('a', 'publish', handler, { topics: 'x' });
	const remove = table.add('a', 'publish', handler, { topics: 'y' });

	expect(table.forTopic('publish', 'x', 'logged')).toHaveLength(1);
	expect(table.forTopic('publish', 'y', 'logged')).toHaveLength(1);

	remove();
	expect(table.forTopic('publish', 'x', 'logged')).toHaveLength(1);
	expect(table.forTopic('publish', 'y', 'logged')).toHaveLength(0);
});

test.each([
	['news', 'news', true],
	['news', 'news:1', false],
	['news:*', 'news:1', true],
	['news:*', 'news:', true],
	['news:*', 'news', false],
	['*', 'anything', true],
	[['a', 'b:*'], 'b:c', true],
	[['a', 'b:*'], 'c', false],
	[[], 'a', false],
	['a*b', 'a*b', true],
	['a*b', 'axb', false]
])('the topics %j want %s: %s', (topics, topic, wanted) => {
	const table = new HookTable();
	table.add('a', 'publish', () => {}, { topics });

	expect(table.forTopic('publish', topic, 'logged')).toHaveLength(wanted ? 1 : 0);
});

test('a handler that names a class sees topics of that class only', () => {
	const table = new HookTable();
	table.add('both', 'publish', () => {});
	table.add('logged', 'publish', () => {}, { class: 'logged' });
	table.add('ephemeral', 'publish', () => {}, { class: 'ephemeral', topics: 'x*' });

	expect(names(table.forTopic('publish', 'x', 'logged'))).toEqual(['both', 'logged']);
	expect(names(table.forTopic('publish', 'x', 'ephemeral'))).toEqual(['both', 'ephemeral']);
	expect(names(table.forTopic('publish', 'y', 'ephemeral'))).toEqual(['both']);
});

test('a frame reaches the handlers of its type and those of every type, in order', () => {
	const table = new HookTable();
	table.add('rpc', 'message', () => {}, { type: 'rpc' });
	table.add('every', 'message', () => {}, { order: 'pre' });
	table.add('stream', 'message', () => {}, { type: 'stream' });

	expect(names(table.forType('rpc'))).toEqual(['every', 'rpc']);
	expect(names(table.forType('stream'))).toEqual(['every', 'stream']);
	expect(names(table.forType('other'))).toEqual(['every']);
	expect(names(table.forType('__proto__'))).toEqual(['every']);
});

test('types that only a client names are not remembered', () => {
	const table = new HookTable();
	table.add('rpc', 'message', () => {}, { type: 'rpc' });
	table.add('every', 'message', () => {});

	expect(cachedTypes(table, 'rpc')).toBe(true);
	expect(cachedTypes(table, 'made up')).toBe(false);
});

test('every change makes the table a new version', () => {
	const table = new HookTable();
	const first = table.version;
	const remove = table.add('a', 'message', () => {}, { type: 'x' });
	const second = table.version;
	expect(names(table.forType('x'))).toEqual(['a']);

	remove();

	expect(new Set([first, second, table.version]).size).toBe(3);
	expect(table.forType('x')).toEqual([]);
});
