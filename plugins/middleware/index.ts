/** Middleware: the app's own functions around every call, every stream and every frame. */

import {
	definePlugin,
	isThenable,
	LiveError,
	RealtimeError,
	type KernelHooks,
	type MaybePromise,
	type MessageContext,
	type Plugin
} from 'svelte-realtime/kernel';
import type { LiveContext, RunningCall } from 'svelte-realtime/plugins/rpc';
import { middlewareIn } from './declare.ts';
import { Outcome } from './outcome.ts';

export {
	liveMiddleware,
	type DeclaredMiddleware,
	type LiveMiddleware,
	type MiddlewareDeclaration
} from './declare.ts';
export { Outcome } from './outcome.ts';

/** What a middleware is around of. */
export interface MiddlewareCall {
	/** The very one that the live function is handed. */
	readonly ctx: LiveContext;
	/** `module/function`. */
	readonly path: string;
	/** `rpc`, `binary`, `stream`. */
	readonly kind: string;
	/** Checked, and authorised. */
	readonly args: readonly unknown[];
}

/**
 * Runs around calls and subscriptions. It returns what `next()` came to, or `answer(value)`, or
 * throws; `next()` runs the rest, once, and throws what that throws.
 *
 * @example
 * const timed: Middleware = async ({ path }, next) => {
 * 	const begun = performance.now();
 * 	const outcome = await next();
 * 	console.log(path, performance.now() - begun);
 * 	return outcome;
 * };
 */
export type Middleware = (
	call: MiddlewareCall,
	next: () => MaybePromise<Outcome>
) => MaybePromise<Outcome>;

/** Answers a call with something else than its function did. A stream is never answered so. */
export function answer<Value>(value: Value): Outcome<Value> {
	return new Outcome(value);
}

/**
 * Runs around frames as they come in, whatever their type, before anybody looks at them. It returns
 * what `next()` came to, or throws, which is the frame's answer; `next()` goes on, once.
 *
 * The frames of one connection stay in order: while this one has not gone on, later ones wait.
 *
 * @example const counted: MessageMiddleware = ({ type }, next) => {
 * 	count(type);
 * 	return next();
 * };
 */
export type MessageMiddleware = (
	message: MessageContext,
	next: () => MaybePromise<Outcome<void>>
) => MaybePromise<Outcome<void>>;

export interface MiddlewareOptions {
	/** Around every call and every subscription, the first one outermost. @default [] */
	calls?: readonly Middleware[];
	/** Around every frame that comes in, the first one outermost. @default [] */
	messages?: readonly MessageMiddleware[];
}

/**
 * Puts functions around every call and every subscription, the first one outermost, after the
 * arguments were checked and the guard said yes; and around frames.
 *
 * A middleware that forgets to return, or calls `next()` again, fails that one call: it is reported
 * by its name, and the caller gets INTERNAL_ERROR.
 *
 * @throws {RealtimeError} RT_OPTION_INVALID for what is no function.
 * @example realtime.config.ts: plugins: [middleware(timed, audited)]
 */
export function middleware(...functions: readonly Middleware[]): Plugin<'rpc', never>;
/** @example realtime.config.ts: plugins: [middleware({ calls: [timed], messages: [counted] })] */
export function middleware(options: MiddlewareOptions): Plugin<'rpc', never>;
export function middleware(
	...given: readonly Middleware[] | readonly [MiddlewareOptions]
): Plugin<'rpc', never> {
	const { calls = [], messages = [] } = optionsOf(given);
	checkFunctions(calls);
	checkFunctions(messages);
	return definePlugin({
		name: 'middleware',
		requires: ['rpc'],
		setup(kernel) {
			const rpc = kernel.use('rpc');
			for (const [index, run] of calls.entries()) {
				kernel.attach(() => rpc.around(around(run, run.name || `#${index + 1}`)));
			}
			// Behind those of the config. A call that runs goes on with those that it began with.
			let declaredRuns: readonly Around[] = [];
			let isPut = false;
			const runDeclared: Around = (call, next) => {
				const runs = declaredRuns;
				const enter = (index: number): MaybePromise<unknown> =>
					index < runs.length ? runs[index]!(call, () => enter(index + 1)) : next();
				return enter(0);
			};
			kernel.attach(() =>
				rpc.watch((_, paths) => {
					const found = middlewareIn(paths).map(([path, run]) =>
						around(({ ctx }, next) => run(ctx, next), path)
					);
					return () => {
						declaredRuns = found;
						// Nothing is around calls where no module says so.
						if (found.length > 0 && !isPut) kernel.attach(() => rpc.around(runDeclared));
						isPut ||= found.length > 0;
					};
				})
			);
			for (const [index, run] of messages.entries()) {
				kernel.hook('frame', aroundFrame(run, run.name || `#${index + 1}`, kernel.report));
			}
		}
	});
}

function optionsOf(given: readonly Middleware[] | readonly [MiddlewareOptions]): MiddlewareOptions {
	const [first] = given;
	const isOptions = typeof first === 'object' && first !== null && given.length === 1;
	return isOptions ? first : { calls: given as readonly Middleware[] };
}

function checkFunctions(functions: readonly unknown[]): void {
	for (const [index, run] of functions.entries()) {
		if (typeof run === 'function') continue;
		const what = [`#${index + 1}`, 'middleware()', String(run), 'a function'];
		throw new RealtimeError('RT_OPTION_INVALID', what);
	}
}

type Around = (call: RunningCall, next: () => MaybePromise<unknown>) => MaybePromise<unknown>;

function around(run: Middleware, name: string): Around {
	return ({ ctx, declaration, args }, next) => {
		const { path } = ctx;
		const { kind } = declaration;
		let own: Outcome | undefined;
		let isCalled = false;

		const settle = (value: unknown): Outcome => (own = new Outcome(value));
		const runRest = (): MaybePromise<Outcome> => {
			if (isCalled) throw new RealtimeError('RT_MIDDLEWARE_TWICE', [name, path]);
			isCalled = true;
			const result = next();
			if (!isThenable(result)) return settle(result);
			const outcome = Promise.resolve(result).then(settle);
			// Where the middleware has forgotten it, its failure must not end the process.
			outcome.catch(() => {});
			return outcome;
		};
		const valueOf = (outcome: unknown): unknown => {
			// What a stream comes to is its subscription, which nothing else can stand for.
			if (outcome instanceof Outcome && (kind !== 'stream' || outcome === own))
				return outcome.value;
			throw new RealtimeError('RT_MIDDLEWARE_RETURN', [name, describe(outcome), path]);
		};

		const returned: unknown = run({ ctx, path, kind, args }, runRest);
		return isThenable(returned) ? Promise.resolve(returned).then(valueOf) : valueOf(returned);
	};
}

function aroundFrame(
	run: MessageMiddleware,
	name: string,
	report: (error: unknown) => void
): KernelHooks['frame'] {
	return (message, next) => {
		let own: Outcome<void> | undefined;
		let isCalled = false;
		let fault: LiveError | undefined;
		/** Reported under the name of the function, and not as a failure of this plugin. */
		const failed = (
			code: 'RT_MIDDLEWARE_TWICE' | 'RT_MIDDLEWARE_RETURN',
			what: string[]
		): never => {
			report(new RealtimeError(code, [name, ...what, message.type]));
			throw (fault = new LiveError('INTERNAL_ERROR'));
		};
		const settle = (): Outcome<void> => (own = new Outcome(undefined));
		const goOn = (): MaybePromise<Outcome<void>> => {
			if (isCalled) failed('RT_MIDDLEWARE_TWICE', []);
			isCalled = true;
			const result = next();
			if (!isThenable(result)) return settle();
			const outcome = Promise.resolve(result).then(settle);
			// Where the middleware has forgotten it, its failure must not end the process.
			outcome.catch(() => {});
			return outcome;
		};
		const check = (outcome: unknown): void => {
			if (outcome instanceof Outcome && outcome === own) return;
			failed('RT_MIDDLEWARE_RETURN', [describe(outcome)]);
		};
		/** Once the frame has gone on it is answered there, and what is wrong here is told already. */
		const refuse = (error: unknown): void => {
			if (error !== fault || !isCalled) throw error;
		};
		try {
			const returned: unknown = run(message, goOn);
			if (!isThenable(returned)) return check(returned);
			return Promise.resolve(returned).then(check).catch(refuse);
		} catch (error) {
			refuse(error);
		}
	};
}

function describe(value: unknown): string {
	if (value instanceof Outcome) return 'an answer of its own';
	return value === undefined ? 'nothing' : `a ${typeof value}`;
}
