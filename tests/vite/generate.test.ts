import ts from 'typescript';
import { expect, test } from 'vitest';
import { registerTypes, liveTypes } from '../../vite/dts.ts';
import { serverModule } from '../../vite/server-module.ts';
import { clientModule, clientStub, serverStub } from '../../vite/stubs.ts';

const chat = {
	path: 'chat',
	file: '/app/src/live/chat.ts',
	exports: [
		{ name: 'send', kind: 'rpc' },
		{ name: 'messages', kind: 'stream' },
		{ name: 'delete', kind: 'rpc' }
	]
} as const;

const users = {
	path: 'admin/users',
	file: '/app/src/live/admin/users.js',
	exports: [{ name: 'list', kind: 'stream' }]
} as const;

test('the stub of the browser is one line for each export', () => {
	expect(clientStub(chat)).toMatchInlineSnapshot(`
		"import { __rpc, __stream } from "virtual:svelte-realtime/client";
		export const send = /* @__PURE__ */ __rpc("chat/send");
		export const messages = /* @__PURE__ */ __stream("chat/messages");
		const __2 = /* @__PURE__ */ __rpc("chat/delete");
		export { __2 as delete };
		"
	`);
	expect(clientStub(users)).toMatchInlineSnapshot(`
		"import { __stream } from "virtual:svelte-realtime/client";
		export const list = /* @__PURE__ */ __stream("admin/users/list");
		"
	`);
	expect(clientStub({ path: 'empty', exports: [] })).toBe('export {};\n');
});

test('a presence stream has a stub of its own in the browser, and that of a stream elsewhere', () => {
	const here = { path: 'chat', exports: [{ name: 'here', kind: 'presence' }] } as const;

	expect(clientStub(here)).toContain('here = /* @__PURE__ */ __presence("chat/here");');
	expect(serverStub(here)).toContain('here = serverStream("chat/here");');
});

test('the stub of server rendering imports only what its kinds need', () => {
	expect(serverStub(chat)).toMatchInlineSnapshot(`
		"import { serverRpc } from "svelte-realtime/plugins/rpc";
		import { serverStream } from "svelte-realtime/plugins/streams";
		export const send = serverRpc("chat/send");
		export const messages = serverStream("chat/messages");
		const __2 = serverRpc("chat/delete");
		export { __2 as delete };
		"
	`);
	expect(serverStub(users)).toMatchInlineSnapshot(`
		"import { serverStream } from "svelte-realtime/plugins/streams";
		export const list = serverStream("admin/users/list");
		"
	`);
});

test('the client module sets up path and transport before it gives the stubs away', () => {
	expect(clientModule({ path: '/base/ws', hooks: '/app/src/hooks.ts' })).toMatchInlineSnapshot(`
		"import { setup } from "svelte-realtime/client";
		import { transport } from "/app/src/hooks.ts";
		setup({ path: "/base/ws", transport });
		export { __rpc, __binary, __stream, __piped, __presence, __cursors, __room, __channel, __group } from "svelte-realtime/client";
		"
	`);
	expect(clientModule({ path: '/ws', hooks: undefined })).not.toContain('transport');
});

test('what the server alone runs has no stub and no type, and what is derived is a stream', () => {
	const exports = [
		{ name: 'nightly', kind: 'cron' },
		{ name: 'mail', kind: 'effect' },
		{ name: 'total', kind: 'derived' },
		{ name: 'sales', kind: 'aggregate' }
	] as const;
	const shop = { path: 'shop', file: '/app/src/live/shop.ts', exports };
	const jobs = { ...shop, exports: exports.slice(0, 2) };

	expect(clientStub(shop)).toMatchInlineSnapshot(`
		"import { __stream } from "virtual:svelte-realtime/client";
		export const total = /* @__PURE__ */ __stream("shop/total");
		export const sales = /* @__PURE__ */ __stream("shop/sales");
		"
	`);
	expect(serverStub(shop)).not.toMatch(/nightly|mail/);
	expect(liveTypes('/app/src/live', [shop])).not.toMatch(/nightly|mail/);
	expect(clientStub(jobs)).toBe('export {};\n');
	expect(serverStub(jobs)).toBe('export {};\n');
});

test('where several kinds are rendered by one maker, the stub of rendering imports it once', () => {
	const exports = [
		{ name: 'notes', kind: 'stream' },
		{ name: 'pointers', kind: 'cursors' }
	] as const;

	expect(serverStub({ path: 'board', exports })).toMatchInlineSnapshot(`
		"import { serverStream } from "svelte-realtime/plugins/streams";
		export const notes = serverStream("board/notes");
		export const pointers = serverStream("board/pointers");
		"
	`);
});

test('where Svelte is async, streams are awaited on both sides, and calls are as ever', () => {
	expect(clientModule({ path: '/ws', hooks: undefined, isAsync: true })).toMatchInlineSnapshot(`
		"import { hydratable } from "svelte";
		import { __awaitable, __awaitablePiped, __awaitableRoom } from "svelte-realtime/client";
		import { setup } from "svelte-realtime/client";
		setup({ path: "/ws" });
		export { __rpc, __binary, __presence, __cursors, __channel, __group } from "svelte-realtime/client";
		export const __stream = (path) => __awaitable(path, hydratable);
		export const __piped = (path) => __awaitablePiped(path, hydratable);
		export const __room = (path) => __awaitableRoom(path, hydratable);
		"
	`);
	expect(serverStub(chat, true)).toContain(
		'messages = serverStream("chat/messages", { hydratable, getRequestEvent });'
	);
	expect(serverStub(chat, true)).toContain('send = serverRpc("chat/send");');
	expect(serverStub({ path: 'calls', exports: [chat.exports[0]] }, true)).not.toContain('svelte"');
});

test('the server module imports the app inside of load, never at its top', () => {
	const source = serverModule({
		modules: [users, chat],
		config: '/app/realtime.config.ts',
		hooks: undefined
	});

	expect(source).toMatchInlineSnapshot(`
		"export { createApp, embed, start } from 'svelte-realtime/adapter/runtime';

		export async function load() {
			const [config, hooks, live0, live1] = await Promise.all([
				import("/app/realtime.config.ts"),
				undefined,
				import("/app/src/live/admin/users.js"),
				import("/app/src/live/chat.ts")
			]);
			return {
				config: config?.default,
				transport: hooks?.transport,
				modules: { "admin/users": live0, "chat": live1 }
			};
		}
		"
	`);
});

test('the types lead from the live modules to their stubs', () => {
	expect(liveTypes('/app/src/live', [users, chat])).toMatchInlineSnapshot(`
		"// Written by svelte-realtime; what you change here is lost.

		declare module '$live/admin/users' {
			const stubs: import('svelte-realtime/client').Stubs<typeof import('./admin/users.js'), 'list'>;
			export = stubs;
		}

		declare module '$live/chat' {
			const stubs: import('svelte-realtime/client').Stubs<typeof import('./chat.js'), 'send' | 'messages' | 'delete'>;
			export = stubs;
		}
		"
	`);
	expect(
		registerTypes('/app/src/live', {
			config: '/app/realtime.config.ts',
			hooks: '/app/src/hooks.ts'
		})
	).toMatchInlineSnapshot(`
		"// Written by svelte-realtime; what you change here is lost.
		import type {} from 'svelte-realtime/adapter';

		declare module 'svelte-realtime/kernel' {
			interface Register {
				config: (typeof import('../../realtime.config.js'))['default'];
				transport: (typeof import('../hooks.js'))['transport'];
			}
		}
		"
	`);
});

test('every generated module parses', () => {
	const sources = [
		clientStub(chat),
		serverStub(chat),
		serverModule({ modules: [chat, users], config: undefined, hooks: undefined })
	];

	const errors = sources.flatMap((source) => {
		const { diagnostics } = ts.transpileModule(source, { reportDiagnostics: true });
		return diagnostics ?? [];
	});

	expect(errors).toEqual([]);
});
