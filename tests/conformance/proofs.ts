/** Finding tests by their names, so that a list of proofs cannot outlive what it lists. */

import { readFileSync } from 'node:fs';
import ts from 'typescript';

/** A test file, from `tests/` and without `.test.ts`, and the name of a test as its source has it. */
export type Proof = readonly [file: string, test: string];

const read = new Map<string, ReadonlySet<string>>();

/** The names of all tests of a file; those that are not asked to run are left out. */
export function testsOf(file: string): ReadonlySet<string> {
	const known = read.get(file);
	if (known) return known;
	const url = new URL(`../${file}.test.ts`, import.meta.url);
	const source = ts.createSourceFile(file, readFileSync(url, 'utf8'), ts.ScriptTarget.Latest);
	const names = new Set<string>();
	const visit = (node: ts.Node): void => {
		if (ts.isCallExpression(node) && isTest(node.expression)) {
			const [name] = node.arguments;
			if (name && ts.isStringLiteralLike(name)) names.add(name.text);
		}
		ts.forEachChild(node, visit);
	};
	visit(source);
	read.set(file, names);
	return names;
}

/** `test(…)`, or `test.each(…)(…)`: what surely runs. */
function isTest(callee: ts.Expression): boolean {
	if (ts.isIdentifier(callee)) return callee.text === 'test';
	if (!ts.isCallExpression(callee)) return false;
	const { expression } = callee;
	if (!ts.isPropertyAccessExpression(expression)) return false;
	return ts.isIdentifier(expression.expression) && expression.expression.text === 'test'
		? expression.name.text === 'each'
		: false;
}

/** Those that are not there. */
export function missing(proofs: readonly Proof[]): string[] {
	return proofs
		.filter(([file, name]) => !testsOf(file).has(name))
		.map(([file, name]) => `${file}: ${name}`);
}
