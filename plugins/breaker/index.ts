/** Breakers: what keeps failing is left alone for a while. */

import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import type {} from 'svelte-realtime/plugins/rpc';
import type { Breaker } from '../circuit.ts';
import type { BreakerDeclaration } from './declare.ts';

export {
	createBreaker,
	type Breaker,
	type BreakerHost,
	type BreakerOptions,
	type BreakerState
} from '../circuit.ts';
export { withBreaker, type BreakerFunctionOptions, type Fallback } from './declare.ts';

/**
 * Gives the breakers of the live modules that are mounted the time of this server.
 *
 * Requires `rpc`, whose live modules it looks at. Without it breakers work by the machine's clock.
 */
export function breakers(): Plugin<'rpc', never> {
	return definePlugin({
		name: 'breaker',
		requires: ['rpc'],
		setup(kernel) {
			const attached = new Map<Breaker, () => void>();

			function mounted(found: ReadonlySet<Breaker>): void {
				for (const [breaker, detach] of attached) {
					if (found.has(breaker)) continue;
					detach();
					attached.delete(breaker);
				}
				for (const breaker of found) {
					if (!attached.has(breaker)) attached.set(breaker, breaker['~attach'](kernel));
				}
			}

			kernel.attach(() => {
				const end = kernel.use('rpc').watch((declarations) => {
					const found = new Set<Breaker>();
					for (const { breaker } of declarations as readonly BreakerDeclaration[]) {
						if (breaker !== undefined) found.add(breaker);
					}
					return () => mounted(found);
				});
				return () => {
					end();
					mounted(new Set());
				};
			});
			kernel.hook('shutdown', () => mounted(new Set()));
		}
	});
}
