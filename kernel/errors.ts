/** The errors that a developer or an operator reads. What a client is sent: live-error.ts. */

import { CLIENT_MESSAGES } from './client/messages.ts';

/** The server's codes with their sentences. `%s` slots are filled in order. */
const SERVER_MESSAGES = {
	RT_CAPABILITY_MISSING:
		'Plugin "%s" requires the capability "%s", which no plugin in the list provides. Add a plugin that does, or remove this one.',
	RT_CAPABILITY_TAKEN: 'Plugins "%s" and "%s" both provide the capability "%s". Keep one of them.',
	RT_CAPABILITY_UNKNOWN:
		'Plugin "%s" asked for the capability "%s" without naming it in `requires` or `optional`. Add it there.',
	RT_CAPABILITY_UNDECLARED:
		'Plugin "%s" provides "%s" without naming it in `provides`. Add it there.',
	RT_CAPABILITY_ABSENT:
		'Plugin "%s" names "%s" in `provides`, and its setup did not provide it. Call kernel.provide().',
	RT_CAPABILITY_CYCLE: 'Plugins require each other in a circle: %s.',
	RT_PLUGIN_DUPLICATE: 'The plugin "%s" is listed twice. Remove one of them.',
	RT_PLUGIN_UNKNOWN: 'There is no plugin "%s" that could be taken out.',
	RT_PLUGIN_REQUIRED:
		'Plugin "%s" cannot be taken out: %s cannot do without what it provides. Take that out too, or put another provider in its place.',
	RT_KERNEL_IDLE:
		'Plugins can be put in and taken out while the kernel runs: after start() and before shutdown().',
	RT_PLUGIN_TIMEOUT:
		'Plugin "%s" did not finish %s within %s ms. A promise in it may never settle; raise limits.bootTimeout if it only needs longer.',
	RT_HOOK_ASYNC:
		'Plugin "%s" returned a promise from the synchronous hook "%s". Use ctx.defer(promise) in `publish`, or do the work without waiting for it.',
	RT_HOOK_FAILED: 'Plugin "%s" threw in the hook "%s"; see the cause.',
	RT_HOOK_VERDICT: 'Plugin "%s" answered the hook "%s" with %s, which is no answer of that hook.',
	RT_DEFER_TIMEOUT:
		'A frame of the topic "%s", deferred by plugin "%s", did not settle within %s ms. The frame is rejected.',
	RT_OPTION_INVALID: 'The option "%s" of %s is %s. It must be %s.',
	RT_CONFIG_INVALID:
		'realtime.config has no valid default export: %s. Use export default defineConfig({ … }).',
	RT_VALUE_UNSERIALIZABLE:
		'A value for %s cannot be sent: %s. Send plain data, or add the type to `transport` in src/hooks.',
	RT_STREAM_KEYLESS:
		'The stream "%s" loads items without "%s", the key of its strategy "latest". An event that the loader has seen already then shows twice. Add the field, or name another with { key }.',
	RT_STREAM_MIGRATE:
		'The migration of the stream "%s" to version %s failed; see the cause. The clients that need it are told that their page has to be reloaded.',
	RT_PIPE_FAILED:
		'A transform of the stream "%s" failed; see the cause. Those who follow it are told, and ask again.',
	RT_PIPE_VALUE:
		'pipe() got a value of type %s. It transforms the items of a list: return one, or null where there is none yet.',
	RT_PIPE_PAGES:
		'pipe.sort() and pipe.limit() need a whole list, and the loader returns it page by page. Sort in the loader.',
	RT_CONNECTION_SLOW:
		'The connection %s does not read as fast as it is sent to: its send buffer is over the limit of %s bytes, and frames are dropped until it drains. Streams of logged topics catch up by themselves; others have lost them.',
	RT_STREAM_TOPIC:
		'The topic of the stream "%s" came out as %s. A topic is a string, or a synchronous function that returns one.',
	RT_MIDDLEWARE_RETURN:
		'The middleware "%s" returned %s for "%s". It returns what next() returned, or answer(value) for a call, or throws.',
	RT_MIDDLEWARE_TWICE:
		'The middleware "%s" called next() again for "%s". What it is around of runs once.',
	RT_CHANNEL_EVENT:
		'The event "%s" was not published to "%s": %s The events of a topic that belongs to a channel are checked by its schemas.',
	RT_GROUP_ROLE:
		'The role of a member of "%s" came out as %s. It must be one of %s, or null to refuse.',
	RT_REACTION_FAILED: 'The function of %s "%s" failed; see the cause.',
	RT_LIVE_ARGUMENTS: '%s was called with %s. It takes %s.',
	RT_GUARD_INVALID:
		'The export "_guard" of "%s" is of type %s, and was not made by guard(), so it protects nothing. Write export const _guard = guard(…).',
	RT_GUARD_PUBLIC:
		'The live module "%s" exports "_public", which is true, and only where no guard of its own or of its folders stands before it. Remove one of them.',
	RT_GUARD_MISSING:
		'The live module "%s" has no guard, and inherits none. Write export const _guard = guard(…), or export const _public = true where everybody may use it.',
	RT_EVENT_RESPONSE:
		"%s was called on the event of a live function. Its answer travels over the socket, and no response carries cookies or headers, with `context: 'request'` neither. Set them in a form action, an endpoint, or `handle`.",
	RT_UPGRADE_COOKIES:
		'`handle` has set cookies (%s) at the upgrade of a socket, whose answer carries none. Set them where a page is asked for, or have the client ask for them first, by `configure({ auth })`.',
	RT_UPGRADE_ANSWERED:
		'`handle` has answered the upgrade of a socket (%s) by itself, with %s, and the visitor is refused. Let it go on to resolve(event), redirect, or answer with 401, 403, 429 or 503.',
	RT_UPGRADE_MISSED:
		'SvelteKit has answered the upgrade of a socket (%s) with %s before `handle` was asked. Put realtime() into the plugins of vite.config, so that it can stand in front of `handle`.',
	RT_LIVE_PATH: 'The path "%s" is taken by two live functions. Rename one of the exports.',
	RT_STUB_SERVER_CALL:
		'"%s" was called while rendering on the server. Call live functions in the browser; on the server load streams with `stream.load(event)` or use the function behind it.',
	RT_STUB_SERVER_AWAIT:
		'"%s" was awaited on the server, where only a page can await it that async Svelte renders in SvelteKit (compilerOptions.experimental.async, Svelte 5.44 or newer). Load it in a `load` function, with `stream.load(event)`.',
	RT_SERVER_NOT_RUNNING:
		'The realtime server does not run in this process, so "%s" cannot be loaded. A prerendered page cannot load a stream: export const prerender = false.',
	RT_PACKAGE_MISSING:
		'%s needs the package "%s", which cannot be loaded. Install it: npm install %s. See the cause.',
	RT_REDIS_UNREACHABLE:
		'Redis at %s does not answer: %s. It is tried again until it does. Check that it runs, and the address.',
	RT_REDIS_LOADING:
		'Redis at %s loads its data and serves nothing yet: %s. Nothing is to be done but to wait.',
	RT_REDIS_READONLY:
		'Redis at %s is a replica that takes no writes: %s. Give the address of the primary, or use the option `sentinel` or `cluster`, which follow it.',
	RT_REDIS_MEMORY:
		'Redis at %s is out of memory and takes no writes: %s. Raise its `maxmemory`, or remove what other apps keep there.',
	RT_REDIS_FAILING:
		'Redis at %s cannot serve: %s. It is asked again until it can; its own log says why.',
	RT_REDIS_AUTH:
		'Redis at %s refuses to let us in: %s. Give the user and the password in the url: redis://user:password@host:port.',
	RT_REDIS_PERMISSION:
		'Redis at %s forbids a command: %s. Allow its user the keys and channels that begin with `prefix`, and INFO (ACL SETUSER).',
	RT_POSTGRES_UNREACHABLE:
		'Postgres at %s does not serve: %s. It is tried again until it does. Check that it runs, and the address.',
	RT_POSTGRES_TABLES:
		'The tables of "%s" in the schema "%s" of Postgres are of version %s, and %s is needed. Run the SQL that migrations() returns, or leave the option `migrate` of postgres() on.',
	RT_POSTGRES_EVENT:
		'The event "%s" to "%s" (number %s of the database) was passed over, as it can never be published: %s.',
	RT_WORKERS_FAILED:
		'A worker has ended %s times in a row before it worked, the last time %s. What it has printed says why.',
	RT_JOB_DEAD:
		'The job %s (%s) has failed %s times and is tried no more. See the cause; jobs.retry(id) lets it be done again.',
	RT_TRANSPORT_UNAVAILABLE:
		'The transport "uws" is asked for, and uWebSockets.js cannot be used: %s.',
	RT_DESCRIPTORS_SHORT:
		'There is no file descriptor left for another connection: %s are kept for files and backends, and who connects is refused until some are free. Raise the limit (`ulimit -n`), or set WORKERS.',
	RT_TLS_INVALID:
		'The certificate %s with the key %s cannot be used: %s. SSL_CERT is a PEM file with the certificate and its chain, SSL_KEY one with its key, not encrypted.'
} as const;

export type ErrorCode = keyof typeof SERVER_MESSAGES | keyof typeof CLIENT_MESSAGES;

/** Every code that this package raises, with its sentence. */
export const MESSAGES: Readonly<Record<ErrorCode, string>> = {
	...SERVER_MESSAGES,
	...CLIENT_MESSAGES
};

/** An error of the developer's or the operator's; never sent to a client. */
export class RealtimeError extends Error {
	readonly code: ErrorCode;
	override readonly name: string = 'RealtimeError';

	constructor(code: ErrorCode, args: readonly unknown[] = [], options?: ErrorOptions) {
		let slot = 0;
		super(`[${code}] ${MESSAGES[code].replace(/%s/g, () => String(args[slot++]))}`, options);
		this.code = code;
	}
}
