import type { RawFrame } from '../protocol.ts';
import { guarded } from './listeners.ts';

/** What a plugin's browser half can listen to. All of them are notices; a failing one stops nobody. */
export interface ClientHooks {
	/** The server has said welcome, and the id by which it knows the connection. */
	open(ctx: { readonly connection: string }): void;
	/** One frame of the type that the handler is registered for. */
	frame(frame: RawFrame): void;
	/** The connection is gone; without `willRetry` for good. */
	close(ctx: { readonly code: number; readonly willRetry: boolean }): void;
}

export interface ClientHookTable {
	/** @param type The frame type, for `frame`. */
	hook<N extends keyof ClientHooks>(name: N, handler: ClientHooks[N], type?: string): void;
	run<N extends keyof ClientHooks>(
		name: N,
		ctx: Parameters<ClientHooks[N]>[0],
		type?: string
	): void;
}

export function createClientHooks(): ClientHookTable {
	const table = new Map<string, ((ctx: never) => void)[]>();
	return {
		hook(name, handler, type = '') {
			const key = `${name}:${type}`;
			table.set(key, [...(table.get(key) ?? []), handler]);
		},
		run(name, ctx, type = '') {
			for (const handler of table.get(`${name}:${type}`) ?? [])
				guarded(() => handler(ctx as never));
		}
	};
}
