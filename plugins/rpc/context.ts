/** `ctx`: what a live function is handed. */

import type {
	Capabilities,
	CapabilityName,
	Connection,
	MaybePromise,
	PluginKernel,
	Plugin,
	PublishOptions,
	PublishResult,
	RealtimeConfig,
	Register
} from 'svelte-realtime/kernel';

/** The plugins of the config that the app registers; they decide what `ctx` has. */
type PluginsOf<Registered> = Registered extends { config: infer Config }
	? Config extends RealtimeConfig<infer Preset, infer Plugins>
		? Preset[number] | Plugins[number]
		: never
	: never;

/** Taken apart plugin by plugin: of a list as a whole nothing is known but that it has plugins. */
type ProvidedByEach<P> = P extends Plugin<any, infer Name> ? Name : never;

/** Who `user` of a config says that somebody is; what it leaves out is nobody. */
type Said<User> = undefined extends User ? Exclude<User, undefined> | null : User;

/** The type of `ctx.user` in an app that registers this: what it says itself, or its config. */
export type UserOf<Registered> = Registered extends { user: infer User }
	? User
	: Registered extends {
				config: RealtimeConfig<readonly Plugin[], readonly Plugin[], infer User>;
		  }
		? unknown extends User
			? unknown
			: Said<User>
		: unknown;

/** The type of `ctx.user`. */
export type RegisteredUser = UserOf<Register>;

/** Services without a dot in their name; those with one are ports, for plugins only. */
type Services<Name> = Name extends `${string}.${string}` | 'clock' ? never : Name;

/** The kernel's own part of `ctx`. */
export interface BaseContext {
	/** Who calls, as the `upgrade` gates found out; `null` when none of them said. */
	readonly user: RegisteredUser;
	/** Whose call this is. For a page that is rendered: a connection that is not open. */
	readonly connection: Connection;
	/** `module/function`. */
	readonly path: string;
	/**
	 * Aborts when nobody waits for the result any more: the caller cancelled, closed the page, or did
	 * not come back in time. For a stream, and for a caller without a session: when the connection closes.
	 */
	readonly abortSignal: AbortSignal;
	/**
	 * In a loader that gives a list page by page: where the wanted page begins, or `null` for the first.
	 * It comes from the client: check it like any other input.
	 */
	readonly cursor: unknown;
	/** Publishes to a topic; may be ignored or awaited, never throws. */
	publish(
		topic: string,
		event: string,
		data?: unknown,
		options?: PublishOptions
	): MaybePromise<PublishResult>;
}

/** `ctx` of a live function: the base, and the services of the app's plugins by name. */
export type LiveContext = BaseContext & {
	readonly [K in Services<ProvidedByEach<PluginsOf<Register>>> & CapabilityName]: Capabilities[K];
};

/** What a context is made of. */
export interface ContextSource {
	readonly connection: Connection;
	readonly path: unknown;
	/** @default the connection's */
	readonly signal?: AbortSignal;
	/** What the client knows the outcome by; everything that is published through the context has it. */
	readonly op?: string | undefined;
}

const SOURCE: unique symbol = Symbol('source');

/** @param user Who calls. @default the connection's */
export type ContextFactory = (source: ContextSource, user?: unknown) => LiveContext;

/** Makes the class of this kernel's contexts: all of one shape, services on the prototype. */
export function contextFactory(
	kernel: Pick<PluginKernel<never, never>, 'capabilities' | 'find' | 'publish'>
): ContextFactory {
	class Context implements BaseContext {
		readonly user: RegisteredUser;
		readonly connection: Connection;
		readonly path: string;
		/**
		 * What has a signal of its own. Under a symbol, so that it stays out of `for in`, and objects made
		 * from this one have it.
		 */
		readonly [SOURCE]: ContextSource | undefined;

		constructor(source: ContextSource, user: unknown) {
			const { connection } = source;
			this.user = (user === undefined ? (connection.data.user ?? null) : user) as RegisteredUser;
			this.connection = connection;
			this.path = source.path as string;
			// Not asked for, as that makes one; what has none is not kept as long as a stream is followed.
			this[SOURCE] = 'signal' in source ? source : undefined;
			const { op } = source;
			if (op === undefined) return;
			this.publish = (topic, event, data, options) =>
				kernel.publish(topic, event, data, { ...options, op });
		}

		get abortSignal(): AbortSignal {
			return this[SOURCE]?.signal ?? this.connection.signal;
		}

		get cursor(): unknown {
			return null;
		}

		publish(
			topic: string,
			event: string,
			data?: unknown,
			options?: PublishOptions
		): MaybePromise<PublishResult> {
			return kernel.publish(topic, event, data, options);
		}
	}

	for (const name of kernel.capabilities()) {
		if (name === 'clock' || name.includes('.') || name in Context.prototype) continue;
		const service = kernel.find(name);
		Object.defineProperty(Context.prototype, name, { get: () => service, enumerable: true });
	}
	return (source, user) => new Context(source, user) as unknown as LiveContext;
}
