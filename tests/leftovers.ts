/** Removes the folders of test processes that are no more: most of them end without a word. */

import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from './e2e/site.ts';

/** What a process writes for itself, by its number. */
const CHILDREN = join(CACHE, 'children');

export function setup(): void {
	for (const name of namesIn(CHILDREN)) {
		if (!isAlive(Number(name))) rmSync(join(CHILDREN, name), { recursive: true, force: true });
	}
}

/** The processes of this run have ended, too. */
export const teardown: () => void = setup;

function namesIn(folder: string): string[] {
	try {
		return readdirSync(folder);
	} catch {
		// No test has needed it yet.
		return [];
	}
}

function isAlive(id: number): boolean {
	try {
		return process.kill(id, 0);
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === 'EPERM';
	}
}
