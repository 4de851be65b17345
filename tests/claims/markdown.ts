/** Reads what a README says, so that a test can hold it against the code. */

import { readFileSync } from 'node:fs';

export function read(path: string): string {
	return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/** The rows of the first table after a heading, or whose first column has that name, as texts of cells. */
export function tableUnder(markdown: string, firstColumn: string): string[][] {
	const lines = markdown.split('\n');
	const cells = (line: string): string[] =>
		line
			.split(/(?<!\\)\|/)
			.slice(1, -1)
			.map((cell) => cell.trim());
	const head = lines.findIndex((line) => line.startsWith('|') && cells(line)[0] === firstColumn);
	if (head < 0) throw new Error(`There is no table whose first column is "${firstColumn}".`);
	const rows: string[][] = [];
	for (const line of lines.slice(head + 2)) {
		if (!line.startsWith('|')) break;
		rows.push(cells(line));
	}
	return rows;
}

/** A cell without its code marks. */
export const plain = (cell: string | undefined): string => (cell ?? '').replaceAll('`', '');

export interface CodeBlock {
	/** What stands after the three marks: `json client`. */
	readonly info: string;
	readonly text: string;
}

export function codeBlocks(markdown: string): CodeBlock[] {
	return [...markdown.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map(([, info, text]) => ({
		info: info!.trim(),
		text: text!
	}));
}
