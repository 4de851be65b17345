import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PACKAGE = 'svelte-realtime';

interface Manifest {
	readonly exports: Record<string, string | { source: string; types: string; default: string }>;
	readonly tsup: { entry: Record<string, string> };
	readonly files: string[];
}

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;

/** Every source file below a folder, by its path from the root. */
function sources(folder: string): string[] {
	return readdirSync(join(ROOT, folder)).flatMap((name) => {
		const path = `${folder}/${name}`;
		if (statSync(join(ROOT, path)).isDirectory()) return sources(path);
		return path.endsWith('.ts') ? [path] : [];
	});
}

interface Import {
	readonly from: string;
	/** A path from the root for a file of this package; else the name of another package. */
	readonly to: string;
	readonly typeOnly: boolean;
}

/** What a specifier stands for. */
function target(from: string, specifier: string): string {
	if (specifier.startsWith('.')) {
		return relative(ROOT, normalize(join(ROOT, dirname(from), specifier)));
	}
	if (specifier !== PACKAGE && !specifier.startsWith(`${PACKAGE}/`)) return specifier;
	const entry = manifest.exports[specifier.replace(PACKAGE, '.')];
	if (typeof entry !== 'object')
		throw new Error(`${from} imports ${specifier}, which is not exported`);
	return normalize(entry.source);
}

function isTypeOnly(statement: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
	const clause = ts.isImportDeclaration(statement) ? statement.importClause : statement;
	if (clause === undefined) return false; // import './x'
	if (clause.isTypeOnly) return true;
	const bindings = ts.isImportDeclaration(statement)
		? statement.importClause!.name === undefined && statement.importClause!.namedBindings
		: statement.exportClause;
	if (!bindings || !('elements' in bindings)) return false;
	return (
		bindings.elements.length > 0 && [...bindings.elements].every((element) => element.isTypeOnly)
	);
}

const parsed = new Map<string, Import[]>();

function importsOf(path: string): Import[] {
	const known = parsed.get(path) ?? readImports(path);
	parsed.set(path, known);
	return known;
}

function readImports(path: string): Import[] {
	const source = ts.createSourceFile(
		path,
		readFileSync(join(ROOT, path), 'utf8'),
		ts.ScriptTarget.Latest,
		true
	);
	const found: Import[] = [];
	const add = (specifier: ts.Node | undefined, typeOnly: boolean): void => {
		if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
		found.push({ from: path, to: target(path, specifier.text), typeOnly });
	};
	const visit = (node: ts.Node): void => {
		if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
			add(node.moduleSpecifier, isTypeOnly(node));
		} else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
			add(node.arguments[0], false);
		} else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
			add(node.argument.literal, true);
		}
		ts.forEachChild(node, visit);
	};
	visit(source);
	return found;
}

const shown = ({ from, to }: Import): string => `${from} → ${to}`;
const pluginOf = (path: string): string | undefined => /^plugins\/([^/]+)\//.exec(path)?.[1];
const isOurs = (path: string): boolean =>
	/^(kernel|plugins|presets|vite|adapter|testing)\//.test(path);

const kernel = sources('kernel').flatMap(importsOf);
const plugins = sources('plugins').flatMap(importsOf);

test('the kernel imports nothing from elsewhere in this package', () => {
	const outside = kernel.filter(({ to }) => isOurs(to) && !to.startsWith('kernel/'));

	expect(kernel.length).toBeGreaterThan(50);
	expect(outside.map(shown)).toEqual([]);
});

test('the kernel of the server does not import that of the browser, but for its sentences', () => {
	const inward = kernel.filter(
		({ from, to }) => !from.startsWith('kernel/client/') && to.startsWith('kernel/client/')
	);

	expect(inward.map(shown)).toEqual(['kernel/errors.ts → kernel/client/messages.ts']);
});

/** Those that are made of others and nothing else. */
const COMPOSED = ['rooms', 'channels', 'groups', 'invalidation'];

test('a plugin imports only types from another plugin, but for those that are made of others', () => {
	const crossing = plugins.filter(({ from, to, typeOnly }) => {
		const [one, other] = [pluginOf(from), pluginOf(to)];
		if (one === undefined || other === undefined || COMPOSED.includes(one)) return false;
		return one !== other && !typeOnly;
	});

	expect(plugins.length).toBeGreaterThan(30);
	expect(crossing.map(shown)).toEqual([]);
});

test('a plugin imports nothing from presets, vite or the adapter', () => {
	const outside = plugins.filter(({ to }) => /^(presets|vite|adapter)\//.test(to));

	expect(outside.map(shown)).toEqual([]);
});

/** Presets import every plugin, so that an app on `single()` would have to install them all. */
test('packages that are optional are loaded when a plugin is set up, not when it is imported', () => {
	const optional = /^\s*(?:import|export)\s(?!type\b)[^;]*?from '(ioredis|pg|prom-client)';/m;
	const eager = [...sources('plugins'), ...sources('presets')].filter((path) =>
		optional.test(withoutComments(path))
	);

	expect(eager).toEqual([]);
});

test('presets import plugins, and no file of a plugin but its entry point', () => {
	const other = sources('presets')
		.flatMap(importsOf)
		.filter(
			({ to }) =>
				isOurs(to) && !/^(presets\/|plugins\/[^/]+\/index\.ts$|kernel\/index\.ts$)/.test(to)
		);

	expect(other.map(shown)).toEqual([]);
});

/** Every file that is loaded with `entry`. */
function reachable(entry: string, seen: Set<string> = new Set()): Set<string> {
	if (seen.has(entry)) return seen;
	seen.add(entry);
	for (const { to, typeOnly } of importsOf(entry)) {
		if (!typeOnly && isOurs(to) && to.endsWith('.ts')) reachable(to, seen);
	}
	return seen;
}

test('the server half of a plugin never loads a client half', () => {
	const entries = sources('plugins').filter((path) => /^plugins\/([^/]+\/)?index\.ts$/.test(path));

	expect(entries.length).toBeGreaterThanOrEqual(4);
	for (const entry of entries) {
		const clients = [...reachable(entry)].filter((path) => path.endsWith('/client.ts'));
		expect(clients, entry).toEqual([]);
	}
});

test('what a browser loads has no server in it', () => {
	const loaded = [...reachable('plugins/client.ts')];
	const packages = loaded.flatMap(importsOf).filter(({ to, typeOnly }) => !isOurs(to) && !typeOnly);

	for (const path of [
		'kernel/kernel.ts',
		'kernel/index.ts',
		'kernel/errors.ts',
		'plugins/rpc/index.ts'
	]) {
		expect(loaded).not.toContain(path);
	}
	expect(
		[...new Set(packages.map(({ to }) => to))].filter((name) => name.startsWith('node:'))
	).toEqual([]);
});

test('time and chance come from ports only', () => {
	const allowed = ['kernel/clock.ts', 'kernel/ids.ts'];
	const forbidden =
		/\b(Date\.now|performance\.now|setTimeout|setInterval|setImmediate|Math\.random)\b/;
	const found = [...sources('kernel'), ...sources('plugins')]
		.filter((path) => !allowed.includes(path) && !path.startsWith('kernel/testing/'))
		.filter((path) => forbidden.test(withoutComments(path)));

	expect(found).toEqual([]);
});

/** The text of a file without its comments. */
function withoutComments(path: string): string {
	const text = readFileSync(join(ROOT, path), 'utf8');
	return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
}

test('plugins augment the public name of the kernel, which alone survives bundling', () => {
	const augmented = [...sources('kernel'), ...sources('plugins')].flatMap((path) =>
		[...withoutComments(path).matchAll(/declare module '([^']+)'/g)].map(([, name]) => name)
	);

	expect(new Set(augmented)).toEqual(new Set(['svelte-realtime/kernel']));
});

test('no file is longer than 300 lines', () => {
	const folders = ['kernel', 'plugins', 'presets', 'testing'];
	const long = folders
		.flatMap(sources)
		.filter((path) => readFileSync(join(ROOT, path), 'utf8').split('\n').length > 301);

	expect(long).toEqual([]);
});

// --- the exports map ---

const entries = Object.entries(manifest.exports).filter(([name]) => name !== './package.json');

test.each(entries)(
	'the export %s is a source file that the build makes an entry of',
	(name, entry) => {
		if (typeof entry === 'string') throw new Error(`${name} has no source`);
		const { source, types, default: built } = entry;

		expect(existsSync(join(ROOT, source))).toBe(true);
		const output = built.replace(/^\.\/dist\//, '').replace(/\.js$/, '');
		expect(manifest.tsup.entry[output]).toBe(source.replace(/^\.\//, ''));
		expect(types).toBe(`./dist/types/${source.replace(/^\.\//, '').replace(/\.ts$/, '.d.ts')}`);
	}
);

test('the build makes nothing that is not exported', () => {
	const built = Object.keys(manifest.tsup.entry).sort();
	const exported = entries.map(([, entry]) =>
		(entry as { default: string }).default.replace(/^\.\/dist\//, '').replace(/\.js$/, '')
	);

	expect(built).toEqual(exported.sort());
});

test('every plugin is exported under its name, and its client half beside it', () => {
	const folders = readdirSync(join(ROOT, 'plugins'), { withFileTypes: true })
		.filter((entry) => entry.isDirectory())
		.map(({ name }) => name);

	for (const folder of folders) {
		expect(manifest.exports).toHaveProperty([`./plugins/${folder}`]);
		const hasClient = existsSync(join(ROOT, `plugins/${folder}/client.ts`));
		expect(`./plugins/${folder}/client` in manifest.exports).toBe(hasClient);
	}
});
