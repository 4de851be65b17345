/** Reading an ESTree, as rolldown (with TypeScript) and Rollup (without) produce it. */

/** One node; which further keys it has depends on its type. */
export interface Node {
	readonly type: string;
	readonly start: number;
	readonly end: number;
	readonly [key: string]: unknown;
}

export function isNode(value: unknown): value is Node {
	return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}

/** The node under `key`, or null. */
export function child(node: Node, key: string): Node | null {
	const value = node[key];
	return isNode(value) ? value : null;
}

/** The nodes in the list under `key`; holes are left out. */
export function children(node: Node, key: string): Node[] {
	const value = node[key];
	return Array.isArray(value) ? value.filter(isNode) : [];
}

/** A string under `key`, or the empty one. */
export function text(node: Node, key: string): string {
	const value = node[key];
	return typeof value === 'string' ? value : '';
}

/** The name that an identifier or a string literal stands for. */
export function nameOf(node: Node | null): string {
	return node ? text(node, 'name') || text(node, 'value') : '';
}

const WRAPPERS = new Set([
	'ParenthesizedExpression',
	'ChainExpression',
	'TSAsExpression',
	'TSSatisfiesExpression',
	'TSNonNullExpression',
	'TSTypeAssertion',
	'TSInstantiationExpression'
]);

/** An expression without the parentheses and type assertions around it. */
export function unwrap(node: Node): Node {
	let inner = node;
	while (WRAPPERS.has(inner.type)) {
		const next = child(inner, 'expression');
		if (!next) break;
		inner = next;
	}
	return inner;
}

/** `a.b['c']` as ['a', 'b', 'c']; undefined where a part is computed. */
export function memberPath(node: Node): string[] | undefined {
	const expression = unwrap(node);
	if (expression.type === 'Identifier') return [text(expression, 'name')];
	if (expression.type !== 'MemberExpression') return undefined;
	const object = child(expression, 'object');
	const property = child(expression, 'property');
	if (!object || !property) return undefined;
	if (expression['computed'] === true && typeof property['value'] !== 'string') return undefined;
	const path = memberPath(object);
	return path && [...path, nameOf(property)];
}

export function isFunction(node: Node): boolean {
	return /^(ArrowFunctionExpression|FunctionExpression|FunctionDeclaration)$/.test(node.type);
}

/** Names that a declaration's left side binds. */
export function boundNames(pattern: Node): string[] {
	switch (pattern.type) {
		case 'Identifier':
			return [text(pattern, 'name')];
		case 'ObjectPattern':
			return children(pattern, 'properties').flatMap((property) => {
				const value = child(property, property.type === 'RestElement' ? 'argument' : 'value');
				return value ? boundNames(value) : [];
			});
		case 'ArrayPattern':
			return children(pattern, 'elements').flatMap(boundNames);
		case 'AssignmentPattern':
		case 'RestElement': {
			const inner = child(pattern, pattern.type === 'RestElement' ? 'argument' : 'left');
			return inner ? boundNames(inner) : [];
		}
		default:
			return [];
	}
}

const TYPE_KEYS = new Set(['typeAnnotation', 'typeArguments', 'typeParameters', 'returnType']);
const TYPE_NODES = /^TS(?!AsExpression|Satisfies|NonNull|TypeAssertion|Instantiation|Enum|Module)/;

/** Whether code in `node` refers to one of `names`; types, keys and shadowed names do not count. */
export function mentions(node: Node, names: ReadonlySet<string>): boolean {
	if (names.size === 0 || TYPE_NODES.test(node.type)) return false;
	if (node.type === 'Identifier') return names.has(text(node, 'name'));
	const visible = isFunction(node) ? unshadowed(node, names) : names;
	return Object.entries(node).some(([key, value]) => {
		if (TYPE_KEYS.has(key)) return false;
		if ((key === 'property' || key === 'key') && node['computed'] !== true) return false;
		if (Array.isArray(value)) return value.some((item) => isNode(item) && mentions(item, visible));
		return isNode(value) && mentions(value, visible);
	});
}

function unshadowed(fn: Node, names: ReadonlySet<string>): ReadonlySet<string> {
	const own = new Set(children(fn, 'params').flatMap(boundNames));
	const body = child(fn, 'body');
	for (const statement of body ? children(body, 'body') : []) {
		if (statement.type === 'VariableDeclaration') {
			for (const declarator of children(statement, 'declarations')) {
				const id = child(declarator, 'id');
				if (id) boundNames(id).forEach((name) => own.add(name));
			}
		} else if (/^(Function|Class)Declaration$/.test(statement.type)) {
			own.add(nameOf(child(statement, 'id')));
		}
	}
	return new Set([...names].filter((name) => !own.has(name)));
}
