/** Symbolic links: Vite knows a file by where it really is, an author and a watcher by where the app has it. */

import { realpathSync } from 'node:fs';
import { isWithin, normal } from './paths.ts';

export interface Links {
	/** Takes it that what lies at `path` may be a link, now or later. */
	add(path: string): void;
	/** A file as the app has it, whichever way it is named. */
	named(file: string): string;
	/** A file as Vite knows it, whichever way it is named. */
	real(file: string): string;
}

/** Creates the links of one app; those that lead nowhere are none. */
export function createLinks(): Links {
	/** Where the app has it → where it is. */
	const links = new Map<string, string>();

	function add(path: string): void {
		const name = normal(path);
		const target = realOf(name);
		links.delete(name);
		// What lies in a folder that is a link is none by itself.
		if (target === undefined || named(target) === name) return;
		links.set(name, target);
	}

	/** From the deepest link on: a link may stand in a folder that is one itself. */
	function moved(file: string, ways: readonly (readonly [string, string])[]): string {
		const found = ways.filter(([from]) => file === from || isWithin(from, file));
		const [from, to] = found.reduce(
			(best, way) => (way[0].length > best[0].length ? way : best),
			['', '']
		);
		return to + file.slice(from.length);
	}

	function named(file: string): string {
		return moved(
			normal(file),
			[...links].map(([name, target]) => [target, name] as const)
		);
	}

	return { add, named, real: (file) => moved(normal(file), [...links]) };
}

function realOf(path: string): string | undefined {
	try {
		return normal(realpathSync.native(path));
	} catch {
		// Not there yet: then it is no link either.
		return undefined;
	}
}
