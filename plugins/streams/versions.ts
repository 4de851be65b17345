/** The versions of a stream's items: what older pages take them for. */

import { isThenable, LiveError, RealtimeError } from 'svelte-realtime/kernel';
import type { StreamDeclaration, StreamOptions } from './declare.ts';
import type { MergeName } from './frames.ts';

/** By version: what makes an item of it out of one of the next newer version. */
export type Migrations = Readonly<
	// `any`: each step has types of its own, which it names where it wants them checked.
	Record<number, (item: any) => unknown>
>;

/** What a stream without versions has, and a page that was built when it had none. */
const FIRST = 1;

const VERSIONED: readonly MergeName[] = ['crud', 'latest', 'set'];

/** @throws {RealtimeError} RT_OPTION_INVALID, naming what is missing. */
export function checkVersions(
	{ version, migrate }: Pick<StreamOptions, 'version' | 'migrate'>,
	merge: MergeName
): void {
	if (version === undefined && migrate === undefined) return;
	const check = (isRight: boolean, name: string, value: unknown, wanted: string): void => {
		if (isRight) return;
		throw new RealtimeError('RT_OPTION_INVALID', [name, 'live.stream()', String(value), wanted]);
	};
	check(VERSIONED.includes(merge), 'version', version, `left out with { merge: '${merge}' }`);
	const isVersion = Number.isSafeInteger(version) && version! >= FIRST;
	check(isVersion, 'version', version, 'a whole number from 1');
	const wanted = `a function for each version from the oldest to ${version! - 1}`;
	const steps = Object.entries(migrate ?? {});
	for (const [name, step] of steps) {
		const isOlder = /^[1-9]\d*$/.test(name) && Number(name) < version!;
		check(isOlder && typeof step === 'function', `migrate.${name}`, step, wanted);
	}
	const oldest = Math.min(...steps.map(([name]) => Number(name)));
	for (let at = oldest; at < version!; at += 1) {
		check(Object.hasOwn(migrate!, at), 'migrate', `without ${at}`, wanted);
	}
}

/** What a client names: `chat/messages`, or `chat/messages@3` where its stub knows a version. */
export interface Named {
	readonly path: unknown;
	/** The version of items that the client's page was built for; NaN for what is none. */
	readonly schema: number;
}

/** Reads what a client names. Neither the name of a file nor that of an export has an `@`. */
export function readPath(path: unknown): Named {
	const at = typeof path === 'string' ? path.indexOf('@') : -1;
	if (at < 0) return { path, schema: FIRST };
	const [name, version] = [(path as string).slice(0, at), (path as string).slice(at + 1)];
	return { path: name, schema: /^[1-9]\d*$/.test(version) ? Number(version) : NaN };
}

/** The path as the stub of this version names it. */
export function namedPath(path: string, { version }: StreamDeclaration): string {
	return version === undefined ? path : `${path}@${version}`;
}

/**
 * The older version that a client is to be sent; undefined for the present one.
 *
 * @throws {LiveError} STALE where there is no way to it; INVALID_REQUEST for what is no version.
 */
export function olderVersion(
	{ version = FIRST, migrate = {} }: StreamDeclaration,
	wanted: number
): number | undefined {
	if (!Number.isSafeInteger(wanted)) {
		throw new LiveError('INVALID_REQUEST', 'The version in a path is a whole number from 1.');
	}
	if (wanted === version) return undefined;
	if (wanted > version) {
		throw new LiveError('STALE', 'The page is newer than its server: reload it in a while.');
	}
	if (!Object.hasOwn(migrate, wanted)) throw tooOld();
	return wanted;
}

/** What a client is told that cannot be sent what its page understands. */
export function tooOld(): LiveError {
	return new LiveError('STALE', 'The page is older than what the server can send: reload it.');
}

/** An item in an older version, one step after the other. */
export function migrated(
	item: unknown,
	{ version = FIRST, migrate = {} }: StreamDeclaration,
	to: number
): unknown {
	let older = item;
	for (let at = version - 1; at >= to; at -= 1) {
		older = migrate[at]!(older);
		if (isThenable(older)) {
			// Nobody waits for it, so nobody else would hear of its failure.
			older.then(undefined, () => {});
			const about = [`migrate.${at}`, 'live.stream()', 'asynchronous'];
			throw new RealtimeError('RT_OPTION_INVALID', [...about, 'a function that returns an item']);
		}
	}
	return older;
}
