/** What one module declares, imports and exports. */

import type { Parsed } from './parser.ts';
import { boundNames, child, children, nameOf, text, type Node } from './syntax.ts';

/** A name at the top level of a module. */
export interface Declared {
	readonly by: 'const' | 'let' | 'var' | 'pattern' | 'function' | 'class' | 'type' | 'other';
	/** What a plain declarator assigns. */
	readonly init: Node | null;
	readonly node: Node;
}

export interface Imported {
	readonly source: string;
	/** The name over there; `*` for the whole module. */
	readonly name: string;
	readonly isType: boolean;
}

/** One thing that a module exports under a name. */
export type Exported = {
	/** `*` only with `from: 'star'`. */
	readonly name: string;
	readonly node: Node;
} & (
	| { readonly from: 'here'; readonly local: string }
	| {
			readonly from: 'module' | 'star' | 'namespace';
			readonly source: string;
			readonly local: string;
	  }
	| { readonly from: 'default' }
);

export interface ModuleSyntax extends Parsed {
	readonly declared: ReadonlyMap<string, Declared>;
	readonly imported: ReadonlyMap<string, Imported>;
	readonly exported: readonly Exported[];
}

/** Reads the top level of a parsed module; exports of types are left out. */
export function readModule(parsed: Parsed): ModuleSyntax {
	const declared = new Map<string, Declared>();
	const imported = new Map<string, Imported>();
	const exported: Exported[] = [];

	for (const statement of children(parsed.program, 'body')) {
		switch (statement.type) {
			case 'ImportDeclaration':
				readImport(statement, imported);
				break;
			case 'ExportNamedDeclaration':
				readNamedExport(statement, declared, exported);
				break;
			case 'ExportAllDeclaration':
				readExportAll(statement, exported);
				break;
			case 'ExportDefaultDeclaration':
			case 'TSExportAssignment':
				exported.push({ name: 'default', node: statement, from: 'default' });
				break;
			default:
				readDeclaration(statement, declared);
		}
	}
	return { ...parsed, declared, imported, exported };
}

function readImport(statement: Node, imported: Map<string, Imported>): void {
	const source = nameOf(child(statement, 'source'));
	const isType = statement['importKind'] === 'type';
	for (const specifier of children(statement, 'specifiers')) {
		const name =
			specifier.type === 'ImportNamespaceSpecifier'
				? '*'
				: specifier.type === 'ImportDefaultSpecifier'
					? 'default'
					: nameOf(child(specifier, 'imported'));
		imported.set(nameOf(child(specifier, 'local')), {
			source,
			name,
			isType: isType || specifier['importKind'] === 'type'
		});
	}
}

function readNamedExport(
	statement: Node,
	declared: Map<string, Declared>,
	exported: Exported[]
): void {
	if (statement['exportKind'] === 'type') return;
	const declaration = child(statement, 'declaration');
	if (declaration) {
		for (const [name, entry] of readDeclaration(declaration, declared)) {
			if (entry.by !== 'type') exported.push({ name, node: entry.node, from: 'here', local: name });
		}
	}
	const source = child(statement, 'source');
	for (const specifier of children(statement, 'specifiers')) {
		if (specifier['exportKind'] === 'type') continue;
		const name = nameOf(child(specifier, 'exported'));
		const local = nameOf(child(specifier, 'local'));
		if (name === 'default') exported.push({ name, node: specifier, from: 'default' });
		else if (source) {
			exported.push({ name, node: specifier, from: 'module', source: nameOf(source), local });
		} else exported.push({ name, node: specifier, from: 'here', local });
	}
}

function readExportAll(statement: Node, exported: Exported[]): void {
	if (statement['exportKind'] === 'type') return;
	const source = nameOf(child(statement, 'source'));
	const as = child(statement, 'exported');
	const name = as ? nameOf(as) : '*';
	exported.push({ name, node: statement, from: as ? 'namespace' : 'star', source, local: '*' });
}

const DECLARED_BY: Readonly<Record<string, Declared['by']>> = {
	FunctionDeclaration: 'function',
	TSDeclareFunction: 'function',
	ClassDeclaration: 'class',
	TSInterfaceDeclaration: 'type',
	TSTypeAliasDeclaration: 'type',
	TSEnumDeclaration: 'other',
	TSModuleDeclaration: 'other',
	TSImportEqualsDeclaration: 'other'
};

/** Adds what a statement declares, and returns it. */
function readDeclaration(
	statement: Node,
	declared: Map<string, Declared>
): readonly (readonly [string, Declared])[] {
	const entries: (readonly [string, Declared])[] = [];
	const by = DECLARED_BY[statement.type];
	if (by) entries.push([nameOf(child(statement, 'id')), { by, init: null, node: statement }]);
	if (statement.type === 'VariableDeclaration') {
		for (const declarator of children(statement, 'declarations')) {
			entries.push(...readDeclarator(declarator, text(statement, 'kind')));
		}
	}
	for (const [name, entry] of entries) {
		// A type may share its name with a value; the value is what can be live.
		if (entry.by !== 'type' || !declared.has(name)) declared.set(name, entry);
	}
	return entries;
}

function readDeclarator(declarator: Node, kind: string): (readonly [string, Declared])[] {
	const id = child(declarator, 'id');
	if (!id) return [];
	const init = child(declarator, 'init');
	const by =
		id.type !== 'Identifier' ? 'pattern' : kind === 'let' || kind === 'var' ? kind : 'const';
	return boundNames(id).map((name) => [name, { by, init, node: declarator }] as const);
}
