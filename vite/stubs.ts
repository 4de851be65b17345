/** What stands in for a live module: one stub in the browser, one in server rendering. */

import { hasClient, hasStub, KINDS, PACKAGE, type StubKind } from './kinds.ts';
import type { LiveModule } from './manifest.ts';
import { CLIENT, FEATURE } from './virtual-ids.ts';

type Stubbed = Pick<LiveModule, 'path' | 'exports'>;

/** The browser's stub: each export calls or follows its path over the page's connection. */
export function clientStub({ path, exports }: Stubbed): string {
	const module = { path, exports: exports.filter(hasClient) };
	const makers = new Set(module.exports.filter(hasStub).map(({ kind }) => KINDS[kind].client!));
	const imports = makers.size > 0 ? [importLine([...makers].sort(), CLIENT)] : [];
	return join(imports, module, (kind, path) => `/* @__PURE__ */ ${KINDS[kind].client}(${path})`);
}

/** The stub of server rendering: streams load and hydrate, calls say that they cannot be made. */
export function serverStub(module: Stubbed, isAsync = false): string {
	const kinds = [...new Set(module.exports.filter(hasStub).map(({ kind }) => kind))].sort();
	// Several kinds are rendered by one maker.
	const makers = kinds.map((kind) =>
		importLine([KINDS[kind].server.name], KINDS[kind].server.from)
	);
	const imports = [...new Set(makers)];
	const tools = isAsync && kinds.some((kind) => KINDS[kind].awaited);
	if (tools) {
		imports.push(
			importLine(['hydratable'], 'svelte'),
			importLine(['getRequestEvent'], '$app/server')
		);
	}
	return join(imports, module, (kind, path) => {
		const given = tools && KINDS[kind].awaited ? ', { hydratable, getRequestEvent }' : '';
		return `${KINDS[kind].server.name}(${path}${given})`;
	});
}

/** The module that sets the page's connection up, once, before the first stub uses it. */
export function clientModule(options: {
	/** Base path and `/ws`. */
	readonly path: string;
	/** Universal hooks that export `transport`. */
	readonly hooks: string | undefined;
	/** Whether components can `await` what the server has awaited. */
	readonly isAsync?: boolean;
	/** Whether every feature is there, whatever the app's code says. */
	readonly isWhole?: boolean;
}): string {
	const { path, hooks, isAsync = false, isWhole = false } = options;
	// Several kinds have one maker.
	const own = Object.values(KINDS).flatMap(({ client, awaited }) =>
		client === undefined ? [] : [{ client, awaited }]
	);
	const kinds = [...new Map(own.map((kind) => [kind.client, kind])).values()];
	const awaited = isAsync
		? kinds.flatMap(({ awaited, client }) => (awaited ? [{ awaited, client }] : []))
		: [];
	const names = new Set(awaited.map(({ client }) => client));
	const makers = kinds.map(({ client }) => client).filter((client) => !names.has(client));
	return [
		...(isWhole ? [`import "${FEATURE}all";`] : []),
		...(awaited.length > 0
			? [
					importLine(['hydratable'], 'svelte'),
					importLine(
						awaited.map((kind) => kind.awaited),
						`${PACKAGE}/client`
					)
				]
			: []),
		importLine(['setup'], `${PACKAGE}/client`),
		...(hooks ? [importLine(['transport'], hooks)] : []),
		`setup({ path: ${JSON.stringify(path)}${hooks ? ', transport' : ''} });`,
		`export { ${makers.join(', ')} } from "${PACKAGE}/client";`,
		...awaited.map(
			(kind) => `export const ${kind.client} = (path) => ${kind.awaited}(path, hydratable);`
		),
		''
	].join('\n');
}

/**
 * What the universal hooks need behind their own code where they carry streams: a page may receive
 * one without importing any `$live` module, and its connection has to be set up all the same.
 */
export function hooksSetup(path: string, isWhole: boolean): string {
	return [
		'',
		...(isWhole ? [`import "${FEATURE}all";`] : []),
		`import { setup as __setup } from ${JSON.stringify(`${PACKAGE}/client`)};`,
		`__setup({ path: ${JSON.stringify(path)}, transport });`,
		''
	].join('\n');
}

function importLine(names: readonly string[], from: string): string {
	return `import { ${names.join(', ')} } from ${JSON.stringify(from)};`;
}

function join(
	imports: readonly string[],
	{ path, exports }: Stubbed,
	make: (kind: StubKind, path: string) => string
): string {
	const lines = exports.filter(hasStub).flatMap(({ name, kind, version }, index) => {
		const named = version === undefined ? name : `${name}@${version}`;
		const value = make(kind, JSON.stringify(`${path}/${named}`));
		// `export { remove as delete }` is a good name for a caller and none for a const.
		if (!isReserved(name)) return [`export const ${name} = ${value};`];
		return [`const __${index} = ${value};`, `export { __${index} as ${name} };`];
	});
	return [...imports, ...(lines.length > 0 ? lines : ['export {};']), ''].join('\n');
}

const RESERVED = new Set(
	(
		'arguments await break case catch class const continue debugger default delete do else enum eval ' +
		'export extends false finally for function if implements import in instanceof interface let new ' +
		'null package private protected public return static super switch this throw true try typeof var ' +
		'void while with yield'
	).split(' ')
);

/** Whether a name may be exported and may not be declared. */
export function isReserved(name: string): boolean {
	return RESERVED.has(name) || /^\d/.test(name);
}
