/** The topics that live modules name as they stand, by which two of them may get in each other's way. */

import type { Declared, ModuleSyntax } from './parse.ts';
import type { LiveExport } from './prove.ts';
import { child, children, memberPath, nameOf, unwrap, type Node } from './syntax.ts';

/** A topic that an export fills. */
export interface TopicUse {
	readonly topic: string;
	/** The export. */
	readonly name: string;
	readonly file: string;
	/** Where it is named. */
	readonly source: { readonly code: string; readonly offset: number };
}

/** Kinds with events of their own on their topic; others, as presence, stand beside those on purpose. */
const OWNERS = ['stream', 'channel', 'group', 'room'];

/** The topics that a module's own exports name; one that is worked out is not known here. */
export function topicsOf(module: ModuleSyntax, exports: readonly LiveExport[]): TopicUse[] {
	return exports.flatMap(({ name, kind }) => {
		const entry = module.exported.find((exported) => exported.name === name);
		const declared = entry?.from === 'here' ? module.declared.get(entry.local) : undefined;
		const call = OWNERS.includes(kind) && declared?.init ? callOf(declared.init, kind) : undefined;
		const node = call && topicNode(call, kind);
		const topic = node && literal(node, module.declared);
		if (!node || topic === undefined) return [];
		const source = { code: module.code, offset: module.original(node.start) };
		return [{ topic, name, file: module.file, source }];
	});
}

/** The call of `live.stream` and the like, by itself or inside of wrappers. */
function callOf(node: Node, member: string): Node | undefined {
	const expression = unwrap(node);
	if (expression.type !== 'CallExpression') return undefined;
	const callee = child(expression, 'callee');
	if (callee && memberPath(callee)?.at(-1) === member) return expression;
	for (const argument of children(expression, 'arguments')) {
		const found = callOf(argument, member);
		if (found) return found;
	}
	return undefined;
}

function topicNode(call: Node, kind: string): Node | undefined {
	const [first] = children(call, 'arguments');
	const given = first && unwrap(first);
	if (kind !== 'room' || given?.type !== 'ObjectExpression') return given;
	const topic = children(given, 'properties').find(
		(property) => property['computed'] !== true && nameOf(child(property, 'key')) === 'topic'
	);
	const value = topic && child(topic, 'value');
	return value ? unwrap(value) : undefined;
}

function literal(node: Node, declared: ReadonlyMap<string, Declared>): string | undefined {
	if (node.type === 'Identifier') {
		const constant = declared.get(nameOf(node));
		const init = constant?.by === 'const' && constant.init ? unwrap(constant.init) : undefined;
		return init && init.type !== 'Identifier' ? literal(init, declared) : undefined;
	}
	if (node.type === 'TemplateLiteral' && children(node, 'expressions').length === 0) {
		const [quasi] = children(node, 'quasis');
		return (quasi?.['value'] as { cooked?: string } | undefined)?.cooked;
	}
	return typeof node['value'] === 'string' ? node['value'] : undefined;
}
