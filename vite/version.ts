/** Reading the version of a stream out of its declaration, for the stub that names it. */

import type { Exported, ModuleSyntax } from './parse.ts';
import { problemAt } from './problem.ts';
import type { Prover } from './prove.ts';
import { child, children, nameOf, unwrap, type Node } from './syntax.ts';

/** The facts of a stream, whose stub has to know its version. @throws {Problem} RT_LIVE_VERSION */
export async function versioned(
	{ open, listed }: Pick<Prover, 'open' | 'listed'>,
	stream: { readonly module: ModuleSyntax; readonly call: Node; readonly name: string }
): Promise<{ readonly kind: 'stream'; readonly version?: number }> {
	const { module, call } = stream;
	const version = await readVersion(module, call, async (source, name, importer) => {
		const target = await open(source, importer);
		return target && (await listed(target)).find((found) => found.entry.name === name);
	});
	if (version instanceof Unreadable) {
		throw problemAt('RT_LIVE_VERSION', [stream.name], version.module, version.node);
	}
	return { kind: 'stream', ...(version !== undefined && { version }) };
}

/** An expression that the version depends on, and that does not say what it is. */
class Unreadable {
	readonly module: ModuleSyntax;
	readonly node: Node;

	constructor(module: ModuleSyntax, node: Node) {
		this.module = module;
		this.node = node;
	}
}

/** Finds the export of another module; undefined for what is not the app's own source. */
type FindExport = (
	source: string,
	name: string,
	importer: string
) => Promise<{ readonly module: ModuleSyntax; readonly entry: Exported } | undefined>;

type Found = number | undefined | Unreadable;

/** Most constants that lead from one to the next. */
const STEPS = 8;

/** The version of what `call` declares, where its third argument has one. */
async function readVersion(module: ModuleSyntax, call: Node, find: FindExport): Promise<Found> {
	const given = children(call, 'arguments').slice(0, 3);
	const spread = given.find(({ type }) => type === 'SpreadElement');
	if (spread) return new Unreadable(module, spread);
	const [, , options] = given;
	return options && inOptions(module, options, 0);

	async function inOptions(from: ModuleSyntax, node: Node, step: number): Promise<Found> {
		const expression = unwrap(node);
		if (expression.type === 'Identifier' && step < STEPS) {
			return inConstant(from, expression, step);
		}
		// What is left of `undefined` where something has shortened the code.
		if (expression['operator'] === 'void') return undefined;
		if (expression.type !== 'ObjectExpression') return new Unreadable(from, expression);
		let found: Found;
		for (const property of children(expression, 'properties')) {
			// The last one that is named wins, as it does when the code runs.
			const next = await inProperty(from, property, step);
			if (next !== NONE) found = next;
		}
		return found;
	}

	async function inProperty(
		from: ModuleSyntax,
		property: Node,
		step: number
	): Promise<Found | typeof NONE> {
		if (property.type === 'SpreadElement') {
			const spread = await inOptions(from, child(property, 'argument')!, step + 1);
			return spread === undefined ? NONE : spread;
		}
		const key = child(property, 'key');
		const isName = property['computed'] !== true || typeof key?.['value'] === 'string';
		if (!isName) return new Unreadable(from, property);
		if (nameOf(key) !== 'version') return NONE;
		const value = child(property, 'value');
		const number = value && unwrap(value)['value'];
		const isVersion = Number.isSafeInteger(number) && (number as number) > 0;
		return isVersion ? (number as number) : new Unreadable(from, property);
	}

	async function inConstant(from: ModuleSyntax, node: Node, step: number): Promise<Found> {
		const name = nameOf(node);
		if (name === 'undefined') return undefined;
		const declared = from.declared.get(name);
		if (declared?.by === 'const' && declared.init) return inOptions(from, declared.init, step + 1);
		const imported = from.imported.get(name);
		const there = imported && (await find(imported.source, imported.name, from.file));
		if (there?.entry.from !== 'here') return new Unreadable(from, node);
		const constant = there.module.declared.get(there.entry.local);
		if (constant?.by !== 'const' || !constant.init) return new Unreadable(from, node);
		return inOptions(there.module, constant.init, step + 1);
	}
}

/** A property that says nothing of a version. */
const NONE: unique symbol = Symbol();
