/** Proves that what a module calls its guard is one: what is taken for a guard and is none protects nothing. */

import { isOurs } from './own.ts';
import type { Exported, ModuleSyntax } from './parse.ts';
import { Problem, problemAt } from './problem.ts';
import type { Listed } from './prove.ts';
import { child, memberPath, nameOf, unwrap, type Node } from './syntax.ts';

/** What a module says about who may use it. */
export interface GuardProof {
	/** It exports a `_guard`; where that cannot be proven, a problem says so. */
	readonly hasGuard: boolean;
	/** It exports `_public`. */
	readonly isPublic: boolean;
	readonly problems: readonly Problem[];
}

/** How to get from file to file. */
export interface GuardSources {
	listed(module: ModuleSyntax): Promise<readonly Listed[]>;
	open(source: string, importer: string): Promise<ModuleSyntax | undefined>;
}

/** The exports that are about the module itself. */
export const GUARD_EXPORTS: readonly string[] = ['_guard', '_public'];

/** Reads `_guard` and `_public` of a module. */
export async function proveGuard(
	module: ModuleSyntax,
	{ listed, open }: GuardSources
): Promise<GuardProof> {
	const all = await listed(module);
	const named = (name: string): Listed | undefined => all.find(({ entry }) => entry.name === name);
	const problems: Problem[] = [];

	const guard = named('_guard');
	const declared = module.declared.get('_guard');
	// Of two modules that are exported whole and both have one, neither exports it: by name only.
	const isOwn = (found: Listed): boolean => found.module.file === module.file;
	if (guard && !(isOwn(guard) && (await isExported(guard.module, guard.entry, [])))) {
		problems.push(problemAt('RT_GUARD_UNPROVEN', [], guard.module, guard.entry.node));
	}
	if (!guard && declared && declared.by !== 'type') {
		problems.push(problemAt('RT_GUARD_UNUSED', [], module, declared.node));
	}
	const opened = named('_public');
	if (opened && !(isOwn(opened) && isTrue(module, opened.entry))) {
		const why = 'it cannot be proven to be true';
		problems.push(problemAt('RT_GUARD_PUBLIC', [why], opened.module, opened.entry.node));
	}
	return { hasGuard: guard !== undefined, isPublic: opened !== undefined, problems };

	async function isExported(
		from: ModuleSyntax,
		entry: Exported,
		seen: readonly string[]
	): Promise<boolean> {
		const step = `${from.file}\n${entry.name}`;
		if (seen.includes(step)) return false;
		const path = [...seen, step];
		if (entry.from === 'here') return isNamed(from, entry.local, path);
		if (entry.from === 'module') return isThere(from, entry.source, entry.local, path);
		const value = entry.from === 'default' ? child(entry.node, 'declaration') : null;
		return value !== null && isMade(from, value, path);
	}

	async function isThere(
		from: ModuleSyntax,
		source: string,
		name: string,
		path: readonly string[]
	): Promise<boolean> {
		const found = isOurs(source) ? undefined : await find(from, source, name);
		return found !== undefined && isExported(found.module, found.entry, path);
	}

	async function isNamed(
		from: ModuleSyntax,
		local: string,
		seen: readonly string[]
	): Promise<boolean> {
		const step = `${from.file}\n${local} `;
		if (seen.includes(step)) return false;
		const path = [...seen, step];
		const imported = from.imported.get(local);
		if (imported?.isType) return false;
		if (imported) return isThere(from, imported.source, imported.name, path);
		const entry = from.declared.get(local);
		return entry?.by === 'const' && entry.init !== null && isMade(from, entry.init, path);
	}

	/** Whether an expression is a call of `guard`, or the name of what such a call has made. */
	async function isMade(from: ModuleSyntax, node: Node, path: readonly string[]): Promise<boolean> {
		const expression = unwrap(node);
		if (expression.type === 'Identifier') return isNamed(from, nameOf(expression), path);
		if (expression.type !== 'CallExpression') return false;
		const callee = child(expression, 'callee');
		return callee !== null && isMaker(from, callee, []);
	}

	/** Whether what is called is this package's `guard`, however it is named here. */
	async function isMaker(
		from: ModuleSyntax,
		callee: Node,
		seen: readonly string[]
	): Promise<boolean> {
		const [root, ...members] = memberPath(callee) ?? [];
		if (root === undefined) return false;
		const step = `${from.file}\n${root}`;
		if (seen.includes(step)) return false;
		const path = [...seen, step];
		const imported = from.imported.get(root);
		if (imported) {
			const isWhole = imported.name === '*';
			const name = isWhole ? members[0] : imported.name;
			if (imported.isType || name === undefined || members.length !== (isWhole ? 1 : 0))
				return false;
			return isMakerThere(from, imported.source, name, path);
		}
		const entry = from.declared.get(root);
		const isAlias = entry?.by === 'const' && entry.init !== null && members.length === 0;
		return isAlias && isMaker(from, entry.init, path);
	}

	async function isMakerThere(
		from: ModuleSyntax,
		source: string,
		name: string,
		path: readonly string[]
	): Promise<boolean> {
		if (isOurs(source)) return name === 'guard';
		const found = await find(from, source, name);
		if (found?.entry.from === 'module') {
			return isMakerThere(found.module, found.entry.source, found.entry.local, path);
		}
		if (found?.entry.from !== 'here') return false;
		const { local } = found.entry;
		const node = { type: 'Identifier', start: 0, end: 0, name: local };
		return isMaker(found.module, node, path);
	}

	async function find(
		from: ModuleSyntax,
		source: string,
		name: string
	): Promise<Listed | undefined> {
		const target = await open(source, from.file);
		return target && (await listed(target)).find(({ entry }) => entry.name === name);
	}
}

function isTrue(module: ModuleSyntax, entry: Exported): boolean {
	const declared = entry.from === 'here' ? module.declared.get(entry.local) : undefined;
	if (declared?.by !== 'const' || !declared.init) return false;
	return unwrap(declared.init)['value'] === true;
}
