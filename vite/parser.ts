/** Turns a source file into a syntax tree, with whichever parser the installed Vite brings. */

import { Problem } from './problem.ts';
import { isNode, type Node } from './syntax.ts';

/** A file's text, its tree, and the way back from an offset of the tree to one of the text. */
export interface Parsed {
	readonly file: string;
	readonly code: string;
	readonly program: Node;
	original(offset: number): number;
}

export type Parse = (code: string, file: string) => Promise<Parsed>;

/** What Vite exports of its parsers; Vite 8 has the first, Vite 7 the other two. */
export interface Parsers {
	parseSync?: (file: string, code: string) => { program: unknown; errors: readonly ParseError[] };
	parseAst?: (code: string) => unknown;
	transformWithEsbuild?: (
		code: string,
		file: string,
		options: Record<string, unknown>
	) => Promise<{ code: string; map: { mappings: string } | string }>;
}

interface ParseError {
	readonly message: string;
	readonly labels?: readonly { readonly start: number }[];
}

/**
 * Makes the parse function.
 *
 * Vite 8 parses TypeScript itself. Vite 7 parses JavaScript only, so there esbuild takes the types
 * off first, and its source map leads back to the lines that the author wrote.
 */
export function createParser(vite: Parsers): Parse {
	const { parseSync } = vite;
	return parseSync
		? async (code, file) => parseDirectly(parseSync, code, file)
		: parseStripped(vite);
}

function parseDirectly(
	parseSync: NonNullable<Parsers['parseSync']>,
	code: string,
	file: string
): Parsed {
	const { program, errors } = parseSync(file, code);
	const [error] = errors;
	if (error) throw syntaxProblem(error.message, file, code, error.labels?.[0]?.start);
	return { file, code, program: asProgram(program), original: (offset) => offset };
}

function parseStripped({ parseAst, transformWithEsbuild }: Parsers): Parse {
	return async (code, file) => {
		if (!parseAst || !transformWithEsbuild) throw new Error('This version of Vite has no parser.');
		const typed = /\.[cm]?ts$/.test(file);
		const stripped = typed
			? await transformWithEsbuild(code, file, {
					target: 'esnext',
					sourcemap: true,
					// Without this, imports that only types use would vanish with the exports of them.
					tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } }
				}).catch((error: unknown) => {
					throw esbuildProblem(error, file, code);
				})
			: undefined;
		let program: unknown;
		try {
			program = parseAst(stripped?.code ?? code);
		} catch (error) {
			const at = (error as { pos?: number }).pos;
			throw syntaxProblem(String((error as Error).message), file, code, stripped ? undefined : at);
		}
		const back = stripped && createBackMap(code, stripped.code, mappingsOf(stripped.map));
		return { file, code, program: asProgram(program), original: back ?? ((offset) => offset) };
	};
}

function mappingsOf(map: { mappings: string } | string): string {
	return typeof map === 'string'
		? (JSON.parse(map) as { mappings: string }).mappings
		: map.mappings;
}

function asProgram(value: unknown): Node {
	if (!isNode(value)) throw new Error('The parser returned no program.');
	return value;
}

function syntaxProblem(message: string, file: string, code: string, offset?: number): Problem {
	const source = offset === undefined ? undefined : { code, offset };
	return new Problem('RT_LIVE_SYNTAX', [message], file, source);
}

function esbuildProblem(error: unknown, file: string, code: string): Problem {
	const first = (
		error as { errors?: { text: string; location: { line: number; column: number } | null }[] }
	).errors?.[0];
	if (!first?.location) return syntaxProblem(String(error), file, code);
	return syntaxProblem(first.text, file, code, offsetOf(code, first.location));
}

// --- the way back through a source map ---

function offsetOf(code: string, place: { line: number; column: number }): number {
	const before = code.split('\n').slice(0, place.line - 1);
	return before.reduce((sum, text) => sum + text.length + 1, 0) + place.column;
}

function createBackMap(
	original: string,
	generated: string,
	mappings: string
): (offset: number) => number {
	const segments = decode(mappings);
	return (offset) => {
		const before = generated.slice(0, offset).split('\n');
		const column = before.at(-1)?.length ?? 0;
		const inLine = segments[before.length - 1]?.filter((segment) => segment.column <= column);
		const found = inLine?.at(-1);
		if (!found) return 0;
		return offsetOf(original, { line: found.line + 1, column: found.from });
	};
}

interface Segment {
	readonly column: number;
	readonly line: number;
	readonly from: number;
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Decodes the `mappings` of a source map with one source. */
function decode(mappings: string): Segment[][] {
	let line = 0;
	let from = 0;
	return mappings.split(';').map((row) => {
		let column = 0;
		return row
			.split(',')
			.filter(Boolean)
			.map((segment) => {
				const [columnBy = 0, , lineBy = 0, fromBy = 0] = decodeNumbers(segment);
				column += columnBy;
				line += lineBy;
				from += fromBy;
				return { column, line, from };
			});
	});
}

function decodeNumbers(segment: string): number[] {
	const numbers: number[] = [];
	let value = 0;
	let shift = 0;
	for (const digit of segment) {
		const bits = DIGITS.indexOf(digit);
		value += (bits & 31) << shift;
		shift += 5;
		if (bits & 32) continue;
		numbers.push(value & 1 ? -(value >> 1) : value >> 1);
		value = shift = 0;
	}
	return numbers;
}
