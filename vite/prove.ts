/** Proves which exports of a module are live, following re-exports from file to file. */

import { kindOfMember, knownCalls, PIPE, WRAPPERS, type LiveKind } from './kinds.ts';
import { called, isOurs, OWN } from './own.ts';
import type { Declared, Exported, Imported, ModuleSyntax } from './parse.ts';
import { Problem, problemAt, type ProblemCode } from './problem.ts';
import {
	child,
	children,
	isFunction,
	memberPath,
	mentions,
	nameOf,
	unwrap,
	type Node
} from './syntax.ts';
import { GUARD_EXPORTS, proveGuard } from './prove-guard.ts';
import { proveWrapped } from './prove-wrapper.ts';
import { versioned } from './version.ts';

export interface LiveExport {
	readonly name: string;
	readonly kind: LiveKind;
	/** Of its items, where it is a stream that has versions. */
	readonly version?: number;
}

/** The exports of one live module, sorted by what they are. */
export interface Proof {
	readonly exports: readonly LiveExport[];
	/** Values that never reach the client. */
	readonly plain: readonly string[];
	/** It exports a `_guard`; where that cannot be proven, a problem says so. */
	readonly hasGuard: boolean;
	/** It exports `_public`. */
	readonly isPublic: boolean;
	readonly problems: readonly Problem[];
	/** Every file that was read for it, itself included. */
	readonly files: readonly string[];
}

/** How to get at the module that an import names; undefined for what is not the app's own source. */
export type Follow = (source: string, importer: string) => Promise<ModuleSyntax | undefined>;

type Live = Omit<LiveExport, 'name'>;
type Verdict = Live | 'plain' | 'type';

/** Sorts the exports of `module`. */
export async function prove(module: ModuleSyntax, follow: Follow): Promise<Proof> {
	const prover = createProver(follow);
	const exports = new Map<string, Live>();
	const plain = new Set<string>();
	const problems: Problem[] = [];

	for (const exported of await prover.listed(module)) {
		const { name } = exported.entry;
		if (GUARD_EXPORTS.includes(name)) continue;
		try {
			const verdict = await prover.judge(exported.module, exported.entry);
			if (verdict === 'plain') plain.add(name);
			if (verdict === 'plain' || verdict === 'type') continue;
			if (!/^(?!__)\w+$/.test(name)) {
				throw problemAt('RT_LIVE_NAME', [name], exported.module, exported.entry.node);
			}
			exports.set(name, verdict);
		} catch (error) {
			if (!(error instanceof Problem)) throw error;
			problems.push(error);
		}
	}
	const live = [...exports].map(([name, facts]) => ({ name, ...facts }));
	const { hasGuard, isPublic, problems: more } = await proveGuard(module, prover);
	problems.push(...more);
	const files = [...prover.files];
	return { exports: live, plain: [...plain], hasGuard, isPublic, problems, files };
}

/** An export, and the module that it stands in. */
export interface Listed {
	readonly module: ModuleSyntax;
	readonly entry: Exported;
}

export interface Prover {
	readonly files: ReadonlySet<string>;
	open(source: string, importer: string): Promise<ModuleSyntax | undefined>;
	listed(module: ModuleSyntax): Promise<Listed[]>;
	judge(module: ModuleSyntax, entry: Exported): Promise<Verdict>;
}

function createProver(follow: Follow): Prover {
	const files = new Set<string>();
	const suspects = new Map<string, Promise<ReadonlySet<string>>>();

	async function open(source: string, importer: string): Promise<ModuleSyntax | undefined> {
		const module = await follow(source, importer);
		if (module) files.add(module.file);
		return module;
	}

	/** The exports with every `export *` opened; a module's own names win over those. */
	async function listed(
		module: ModuleSyntax,
		seen: ReadonlySet<string> = new Set()
	): Promise<Listed[]> {
		files.add(module.file);
		const own = module.exported.filter((entry) => entry.from !== 'star');
		const names = new Set(own.map(({ name }) => name));
		const all: Listed[] = own.map((entry) => ({ module, entry }));
		const path = new Set([...seen, module.file]);
		for (const entry of module.exported) {
			if (entry.from !== 'star') continue;
			const target = await open(entry.source, module.file);
			if (!target || path.has(target.file)) continue;
			for (const found of await listed(target, path)) {
				if (found.entry.name === 'default' || names.has(found.entry.name)) continue;
				names.add(found.entry.name);
				all.push(found);
			}
		}
		return all;
	}

	async function judge(
		module: ModuleSyntax,
		entry: Exported,
		seen: readonly string[] = []
	): Promise<Verdict> {
		const step = `${module.file}\n${entry.name}`;
		if (seen.includes(step)) throw problemAt('RT_LIVE_CIRCLE', [entry.name], module, entry.node);
		const path = [...seen, step];
		switch (entry.from) {
			case 'default':
				throw problemAt('RT_LIVE_DEFAULT', [], module, entry.node);
			case 'here':
				return judgeLocal(module, entry.local, entry, path);
			case 'namespace':
				return judgeNamespace(module, entry.source, entry);
			default:
				return judgeThere(module, { source: entry.source, name: entry.local }, entry, path);
		}
	}

	async function judgeThere(
		module: ModuleSyntax,
		{ source, name }: Pick<Imported, 'source' | 'name'>,
		entry: Exported,
		path: readonly string[]
	): Promise<Verdict> {
		const target = isOurs(source) ? undefined : await open(source, module.file);
		if (!target) return 'plain';
		const found = (await listed(target)).find((candidate) => candidate.entry.name === name);
		if (found && found.entry.from !== 'default') return judge(found.module, found.entry, path);
		if (!found) return target.declared.get(name)?.by === 'type' ? 'type' : 'plain';
		const declaration = child(found.entry.node, 'declaration');
		return declaration ? judgeExpression(found.module, declaration, entry, path) : 'plain';
	}

	async function judgeNamespace(
		module: ModuleSyntax,
		source: string,
		entry: Exported
	): Promise<Verdict> {
		const target = isOurs(source) ? undefined : await open(source, module.file);
		if (!target) return 'plain';
		for (const found of await listed(target)) {
			if (found.entry.from === 'default') continue;
			const verdict = await judge(found.module, found.entry);
			if (verdict === 'plain' || verdict === 'type') continue;
			throw problemAt('RT_LIVE_NAMESPACE', [entry.name], module, entry.node);
		}
		return 'plain';
	}

	async function judgeLocal(
		module: ModuleSyntax,
		local: string,
		entry: Exported,
		path: readonly string[]
	): Promise<Verdict> {
		const imported = module.imported.get(local);
		if (imported?.isType) return 'type';
		if (imported?.name === '*') return judgeNamespace(module, imported.source, entry);
		if (imported) return judgeThere(module, imported, entry, path);

		const declared = module.declared.get(local);
		if (!declared) return 'plain';
		if (declared.by === 'type') return 'type';
		if (declared.by === 'const') {
			return declared.init ? judgeExpression(module, declared.init, entry, path) : 'plain';
		}
		// A function is run when it is called, whatever stands in it.
		if (declared.by === 'function') return 'plain';
		if (!mentions(declared.node, await suspectsOf(module))) return 'plain';
		throw problemAt(...reason(declared, entry.name), module, declared.node);
	}

	async function judgeExpression(
		module: ModuleSyntax,
		node: Node,
		entry: Exported,
		path: readonly string[]
	): Promise<Verdict> {
		const expression = unwrap(node);
		const callee = expression.type === 'CallExpression' ? child(expression, 'callee') : null;
		const member = callee && (await liveMember(module, callee));
		if (callee && typeof member === 'string') {
			const kind = kindOfMember(member);
			if (kind === 'stream') {
				return versioned({ open, listed }, { module, call: expression, name: entry.name });
			}
			if (kind) return { kind };
			// A question about who somebody is, for guards: `live.access.role(…)`.
			if (member.startsWith('access.') || member.startsWith(`${PIPE}.`)) return 'plain';
			if (WRAPPERS[member]) {
				return proveWrapped(
					{ module, call: expression, wrapper: member, name: entry.name },
					(inner) => judgeExpression(module, inner, entry, path)
				);
			}
			throw problemAt('RT_LIVE_MEMBER', [`live.${member}`, knownCalls()], module, callee);
		}
		if (expression.type === 'Identifier') {
			const step = `${module.file}\n${nameOf(expression)} `;
			if (path.includes(step)) return 'plain';
			return judgeLocal(module, nameOf(expression), entry, [...path, step]);
		}
		if (isFunction(expression) || !mentions(expression, await suspectsOf(module))) return 'plain';
		throw problemAt('RT_LIVE_UNPROVEN', [entry.name, entry.name], module, expression);
	}

	/** The part after `live.` of what a callee names; '' is `live` itself, PIPE `pipe`, undefined neither. */
	async function liveMember(module: ModuleSyntax, callee: Node): Promise<string | undefined> {
		const [root, ...members] = memberPath(callee) ?? [];
		if (root === undefined) return undefined;
		const imported = module.imported.get(root);
		if (imported && !imported.isType) {
			const own = await ownName(module, imported);
			if (own) return called([own, ...members]);
			return imported.name === '*' && isOurs(imported.source) ? called(members) : undefined;
		}
		const declared = module.declared.get(root);
		if (declared?.by !== 'const' || !declared.init || mentions(declared.init, new Set([root]))) {
			return undefined;
		}
		const outer = await liveMember(module, declared.init);
		return outer === undefined ? undefined : [outer, ...members].filter(Boolean).join('.');
	}

	/** What an import is of this package, possibly by way of the app's own re-export. */
	async function ownName(module: ModuleSyntax, imported: Imported): Promise<string | undefined> {
		const { name, source } = imported;
		if (!OWN.includes(name)) return undefined;
		if (isOurs(source)) return name;
		const target = await open(source, module.file);
		if (!target || target.file === module.file) return undefined;
		const isOwn = target.exported.some((entry) => {
			if (entry.name !== name) return false;
			if (entry.from === 'module') return isOurs(entry.source) && entry.local === name;
			const there = entry.from === 'here' ? target.imported.get(entry.local) : undefined;
			return there?.name === name && isOurs(there.source);
		});
		return isOwn ? name : undefined;
	}

	/** Names of a module that are `live`, or whose declaration refers to such a name. */
	function suspectsOf(module: ModuleSyntax): Promise<ReadonlySet<string>> {
		const known = suspects.get(module.file);
		if (known) return known;
		const found = findSuspects(module);
		suspects.set(module.file, found);
		return found;
	}

	async function findSuspects(module: ModuleSyntax): Promise<ReadonlySet<string>> {
		const names = new Set<string>();
		for (const [local, imported] of module.imported) {
			if (imported.isType) continue;
			const whole = imported.name === '*' && isOurs(imported.source);
			if (whole || (await ownName(module, imported))) names.add(local);
		}
		for (let before = -1; before !== names.size;) {
			before = names.size;
			for (const [local, declared] of module.declared) {
				if (mentions(declared.node, names)) names.add(local);
			}
		}
		return names;
	}

	return { files, open, listed, judge };
}

function reason(declared: Declared, name: string): [ProblemCode, string[]] {
	if (declared.by === 'let' || declared.by === 'var') return ['RT_LIVE_LET', [name, declared.by]];
	if (declared.by === 'pattern') return ['RT_LIVE_PATTERN', [name, name]];
	return ['RT_LIVE_UNPROVEN', [name, name]];
}
