/** What can be wrong with a live module, told with its place and its cure. */

import type { ModuleSyntax } from './parse.ts';
import type { Node } from './syntax.ts';

/** Every code with its sentence; `%s` slots are filled in order. */
const SENTENCES = {
	RT_LIVE_SYNTAX: '%s',
	RT_LIVE_FILE:
		'The file name "%s" cannot be a live path. Use letters, digits, "-" and "_" only, or begin the name with "_" if it is no live module.',
	RT_LIVE_FILE_GONE:
		'The file cannot be read (%s). It is a link that leads nowhere, or was just removed.',
	RT_LIVE_FILE_TWICE: 'The live path "%s" comes from two files. Rename or remove %s.',
	RT_LIVE_NAME:
		'The export "%s" cannot be part of a live path. Use letters, digits and "_" only, and do not begin with "__".',
	RT_LIVE_DEFAULT:
		'A live module has no default export: the client calls its exports by name. Write export const name = live(…).',
	RT_LIVE_MEMBER: '"%s" does not exist. Known are: %s.',
	RT_LIVE_LET:
		'The export "%s" looks live, and a %s can change, so it cannot be proven. Declare it with const.',
	RT_LIVE_PATTERN:
		'The export "%s" looks live, and it comes out of a destructuring, so it cannot be proven. Write export const %s = live(…).',
	RT_LIVE_UNPROVEN:
		'The export "%s" looks live, and it cannot be proven which kind it is. Assign the call itself, export const %s = live(…), and put wrappers and conditions inside the function.',
	RT_LIVE_WRAPPED:
		'The export "%s" has %s around %s, where it means nothing. Leave it out, or say it in the options of what it stands around.',
	RT_LIVE_VERSION:
		'Whether the stream "%s" has a version, and which, cannot be read here, and its stub has to know. Write the options where the stream is declared, or in a const, and the version as the number itself: { version: 3, … }.',
	RT_LIVE_NAMESPACE:
		'The export "%s" is a whole module with live functions in it, which has no path. Export them by name.',
	RT_LIVE_CIRCLE: 'The export "%s" is a circle of re-exports.',
	RT_LIVE_PLAIN:
		'"%s" is exported and not live, so no client can reach it. Wrap it in live(…), leave out "export", or move it to a file that begins with "_".',
	RT_LIVE_NONE:
		'This module exports nothing that is live, so no client can reach any of it. Wrap its functions in live(…), or begin the name of the file with "_".',
	RT_LIVE_TOPIC_TWICE:
		'The topic "%s" of "%s" is that of "%s" in %s too: each gets the events of both. Give one of them another topic, or export both from one module where that is meant.',
	RT_GUARD_IDLE:
		'"_guard" stands before nothing: %s has no live export. Remove it, or move it to where its live functions are.',
	RT_GUARD_UNPROVEN:
		'The export "_guard" cannot be proven to be a guard, so it would protect nothing. Assign the call itself, export const _guard = guard(…), with "guard" from svelte-realtime, or export it by name from the file that does.',
	RT_GUARD_ABSENT:
		'The guard of a folder exports no "_guard", so it would protect nothing. Write export const _guard = guard(…), or give the file another name.',
	RT_GUARD_UNUSED:
		'"_guard" is not exported, so it protects nothing. Write export const _guard = guard(…), or give it another name.',
	RT_GUARD_FILE: 'The guard of a folder is called _guard.ts or _guard.js. Rename "%s".',
	RT_GUARD_PUBLIC:
		'"_public" says that nothing stands before the module, and %s. Write export const _public = true where there is no guard, or leave it out.',
	RT_GUARD_MISSING:
		'The live module "%s" has no guard, and inherits none. Write export const _guard = guard(…), or export const _public = true where everybody may use it.',
	RT_LIVE_IN_BROWSER:
		'"%s" holds server code and cannot be imported by code that runs in the browser%s. Import from "%s" instead, or use import type.',
	RT_LIVE_SERVER_ONLY:
		'"%s" of "%s" is made by %s, and code that runs in the browser has nothing of it. %s',
	RT_LIVE_UNKNOWN: 'There is no live module "%s"%s. %s'
} as const;

export type ProblemCode = keyof typeof SENTENCES;

/** The text of a problem, with its code in front. */
export function sentence(code: ProblemCode, args: readonly string[]): string {
	let slot = 0;
	return `[${code}] ${SENTENCES[code].replace(/%s/g, () => args[slot++] ?? '')}`;
}

/** Where in a source file, lines from 1 and columns from 0 as bundlers count them. */
export interface Place {
	readonly file: string;
	readonly line: number;
	readonly column: number;
}

/** A build error of a live module, in the shape that Vite and its overlay show. */
export class Problem extends Error {
	readonly code: ProblemCode;
	readonly id: string;
	readonly loc: Place | undefined;
	readonly frame: string | undefined;
	override readonly name: string = 'LiveModuleError';

	/**
	 * @param file Absolute path.
	 * @param source Its text and the offset in it; without them the error shows no line.
	 */
	constructor(
		code: ProblemCode,
		args: readonly string[],
		file: string,
		source?: { readonly code: string; readonly offset: number }
	) {
		super(sentence(code, args));
		this.code = code;
		this.id = file;
		this.loc = source && { file, ...placeOf(source.code, source.offset) };
		this.frame = source && this.loc && frameOf(source.code, this.loc);
		// The stack would name this plugin's code, where nothing is wrong.
		this.stack = `${this.message}${this.loc ? `\n    at ${file}:${this.loc.line}:${this.loc.column + 1}` : `\n    at ${file}`}`;
	}
}

/** A problem of what stands at `node`. */
export function problemAt(
	code: ProblemCode,
	args: readonly string[],
	module: ModuleSyntax,
	node: Node
): Problem {
	const source = { code: module.code, offset: module.original(node.start) };
	return new Problem(code, args, module.file, source);
}

/** A problem as `this.error` of a plugin takes it. */
export function asLog(problem: Problem): {
	message: string;
	id: string;
	loc?: Place;
	frame?: string;
} {
	const { message, id, loc, frame } = problem;
	return { message, id, ...(loc && { loc }), ...(frame && { frame }) };
}

/** Line from 1 and column from 0 of an offset. */
export function placeOf(code: string, offset: number): { line: number; column: number } {
	const before = code.slice(0, offset).split('\n');
	return { line: before.length, column: before.at(-1)?.length ?? 0 };
}

function frameOf(code: string, place: { line: number; column: number }): string {
	const lines = code.split('\n');
	const first = Math.max(0, place.line - 3);
	const width = String(place.line + 2).length;
	return lines
		.slice(first, place.line + 2)
		.flatMap((text, index) => {
			const line = first + index + 1;
			const shown = `${String(line).padStart(width)} | ${text}`;
			if (line !== place.line) return [shown];
			return [shown, `${' '.repeat(width)} | ${text.slice(0, place.column).replace(/\S/g, ' ')}^`];
		})
		.join('\n');
}
