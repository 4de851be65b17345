import { expect, test } from 'vitest';
import { isTopic, TopicClasses } from '../../kernel/topics.ts';

test('a topic is logged unless something says otherwise', () => {
	expect(new TopicClasses().of('news')).toBe('logged');
});

test('a rule holds for its name, or for everything with its prefix', () => {
	const classes = new TopicClasses({ exact: 'ephemeral', 'cursor:*': 'ephemeral' });

	expect(['exact', 'exact2', 'cursor:1', 'cursor'].map((topic) => classes.of(topic))).toEqual([
		'ephemeral',
		'logged',
		'ephemeral',
		'logged'
	]);
});

test('the config stands above plugins, and an earlier plugin above a later one', () => {
	const classes = new TopicClasses({ 'a:*': 'logged' });
	classes.declare('a:*', 'ephemeral');
	classes.declare('b', 'ephemeral');
	classes.declare('b', 'logged');

	expect([classes.of('a:1'), classes.of('b')]).toEqual(['logged', 'ephemeral']);
});

test('a name is as long as the limit says, counted in UTF-16', () => {
	expect(isTopic('abc', 3)).toBe(true);
	expect(isTopic('abcd', 3)).toBe(false);
	expect(isTopic('😀😀', 3)).toBe(false);
});

test.each([
	'\u0000',
	'\u001f',
	'\u007f',
	'\u0080',
	'\u2028',
	'\u202e',
	'\u2066',
	'\ufeff',
	'\ud83d'
])('%j stands in no topic', (character) => {
	expect(isTopic(`a${character}b`, 256)).toBe(false);
});
