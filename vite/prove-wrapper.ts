/** Proves what stands inside of a wrapper: `live.gate(…)`, `pipe(…)` and the like. */

import { WRAPPERS, type LiveKind, type StubKind } from './kinds.ts';
import type { ModuleSyntax } from './parse.ts';
import { problemAt } from './problem.ts';
import type { LiveExport } from './prove.ts';
import { children, isFunction, nameOf, unwrap, type Node } from './syntax.ts';

type Live = Omit<LiveExport, 'name'>;

/** A call of a wrapper, and the export that it is to be. */
export interface WrapperCall {
	readonly module: ModuleSyntax;
	readonly call: Node;
	/** In `WRAPPERS`. */
	readonly wrapper: string;
	readonly name: string;
}

/**
 * What a wrapped export is: what it is without the wrapper, or piped.
 *
 * @param judge Sorts an expression of the same module.
 * @throws {Problem} RT_LIVE_UNPROVEN, RT_LIVE_WRAPPED
 */
export async function proveWrapped(
	{ module, call, wrapper, name }: WrapperCall,
	judge: (inner: Node) => Promise<Live | 'plain' | 'type'>
): Promise<Live> {
	const { at, around, shown, becomes } = WRAPPERS[wrapper]!;
	const inner = children(call, 'arguments')[at];
	if (!inner) throw problemAt('RT_LIVE_UNPROVEN', [name, name], module, call);
	const isSpread = children(call, 'arguments')
		.slice(0, at + 1)
		.some(({ type }) => type === 'SpreadElement');
	const verdict = isSpread ? 'plain' : await judge(inner);
	const found: Live | undefined =
		typeof verdict === 'object' ? verdict : isHandler(module, inner) ? { kind: 'rpc' } : undefined;
	if (found === undefined) throw problemAt('RT_LIVE_UNPROVEN', [name, name], module, inner);
	if (!isOneOf(around, found.kind)) {
		throw problemAt('RT_LIVE_WRAPPED', [name, shown, kindName(found.kind)], module, inner);
	}
	return becomes ? { ...found, kind: becomes } : found;
}

function isOneOf(kinds: readonly StubKind[], kind: LiveKind): boolean {
	return (kinds as readonly LiveKind[]).includes(kind);
}

/** As an author writes it. */
function kindName(kind: LiveKind): string {
	if (kind === 'rpc') return 'a function';
	return kind === 'piped' ? 'pipe(…)' : `live.${kind}(…)`;
}

/** Whether an expression is a function that stands in this module. */
function isHandler(module: ModuleSyntax, node: Node, seen: readonly string[] = []): boolean {
	const expression = unwrap(node);
	if (isFunction(expression)) return true;
	const name = expression.type === 'Identifier' ? nameOf(expression) : '';
	const declared = seen.includes(name) ? undefined : module.declared.get(name);
	if (declared?.by === 'function') return true;
	const init = declared?.by === 'const' ? declared.init : null;
	return init !== null && isHandler(module, init, [...seen, name]);
}
