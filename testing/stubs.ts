/** What a page would import from `$live/*`, for one client. */

import type { Client } from '../plugins/client.ts';
import { partsOf } from '../plugins/rooms/parts.ts';
import type { Stub } from '../plugins/stub.ts';
import type { Declaration } from '../kernel/declaration.ts';

/** Stubs of a module, as `$live/<module>` exports them: `StubsOf<typeof import('../src/live/chat')>`. */
export type StubsOf<Module> = {
	readonly [Name in keyof Module as Module[Name] extends { '~live': unknown } ? Name : never]: Stub<
		Module[Name]
	>;
};

/** Finds the live export of a path, as the server has it. */
export type Find = (path: string) => Declaration | undefined;

/** Kinds that are called, under whatever name the client has for them. */
const METHODS: Readonly<Record<string, string>> = { rpc: 'call' };

/**
 * The stub of a live export, of whatever kind it is.
 *
 * @throws {Error} where the server has none, or one that no page can use.
 */
export function stubAt(client: Client, path: string, find: Find): unknown {
	const declaration = find(path);
	if (declaration === undefined) {
		throw new Error(`There is no live function or stream "${path}". See env.paths().`);
	}
	const { kind, flavour = kind } = declaration as Declaration & { flavour?: string };
	if (kind === 'room') return roomAt(client, path, find);
	const makers = client as unknown as Record<string, ((path: string) => unknown) | undefined>;
	// A stream of a kind that the client has no name for is a stream.
	const make = makers[METHODS[flavour] ?? flavour] ?? makers[METHODS[kind] ?? kind];
	if (typeof make === 'function') return make(path);
	throw new Error(`"${path}" is a ${flavour}, which no page can use.`);
}

function roomAt(client: Client, path: string, find: Find): unknown {
	const part = (name: string): unknown => stubAt(client, name, find);
	return partsOf(path, { data: part, presence: part, cursors: part, action: part });
}

/** The stubs of a module. Each is made when it is first asked for, and is the same one from then on. */
export function stubsOf(client: Client, module: string, find: Find): object {
	const stubs = new Map<string, unknown>();
	return new Proxy(Object.create(null) as object, {
		get(_target, name) {
			// Who awaits the module, or prints it, is not looking for an export.
			if (typeof name === 'symbol' || name === 'then' || name === 'toJSON') return undefined;
			if (!stubs.has(name)) stubs.set(name, stubAt(client, `${module}/${name}`, find));
			return stubs.get(name);
		}
	});
}
