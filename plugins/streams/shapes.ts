/** The shapes that a stream is sent in: piped, or to pages of an older build. */

import type { LiveError } from 'svelte-realtime/kernel';
import { argumentText } from '../argument-text.ts';
import type { StreamDeclaration } from './declare.ts';
import type { Follower } from './follow.ts';
import type { Kernel, Source } from './load.ts';
import { isSlow } from './pipe/facts.ts';
import { Shape, type ShapeFacts } from './shape.ts';
import { olderVersion } from './versions.ts';

export interface ShapesOptions {
	readonly kernel: Kernel;
	/** Ends a stream with an error. */
	refuse(follower: Follower, error: LiveError): void;
}

/** The shapes that somebody is sent something in. */
export interface Shapes {
	/**
	 * How a client is sent a stream; undefined: as it is. To be let go of by `shape.leave()`.
	 *
	 * @param schema The version that the client's page was built for; undefined for the present one.
	 * @param holder Whoever is sent it.
	 * @throws {LiveError} STALE, INVALID_REQUEST
	 */
	of(
		source: Pick<Source, 'ctx' | 'declaration' | 'args'>,
		schema: number | undefined,
		holder: object
	): Shape | undefined;
}

/** Shapes so far: a number is what no other shape of this process has in its topics' names. */
let count = 0;

export function createShapes(options: ShapesOptions): Shapes {
	const known = new WeakMap<StreamDeclaration, Map<string, Shape>>();
	return {
		of({ ctx, declaration, args }, schema, holder) {
			const version = schema === undefined ? undefined : olderVersion(declaration, schema);
			const { pipes } = declaration;
			if (version === undefined && pipes === undefined) return undefined;
			const own = known.get(declaration) ?? new Map<string, Shape>();
			known.set(declaration, own);
			// Filters and joins are asked with the arguments; a version is the same for all of them.
			const { kernel } = options;
			const { json = '' } = pipes ? argumentText(kernel.values, args) : {};
			const key = `${version ?? ''} ${json}`;
			const facts = (): ShapeFacts => ({
				declaration,
				version,
				args,
				path: ctx.path,
				name: (count += 1).toString(36),
				isSlow: pipes !== undefined && isSlow(pipes),
				// What clients choose does not stay when they are gone.
				forget: () => void own.delete(key)
			});
			const shape = own.get(key) ?? new Shape(facts(), options);
			own.set(key, shape);
			shape.hold(holder);
			return shape;
		}
	};
}
