/** Which live modules have a guard, by themselves or from a folder, and which have to say why not. */

import type { LiveModule } from './manifest.ts';
import { Problem } from './problem.ts';

/**
 * The problems that no module has alone: one that is public and guarded, and where `requireGuard` is
 * set, one that is silent.
 *
 * @param guards Of folders.
 */
export function checkProtection(
	modules: readonly LiveModule[],
	guards: readonly LiveModule[],
	requireGuard: boolean
): Problem[] {
	return modules.flatMap((module) => {
		const { path, file, exports, hasGuard, isPublic } = module;
		const folder = guards.find((guard) => path.startsWith(guard.path.slice(0, -'_guard'.length)));
		if (isPublic && (hasGuard || folder)) {
			const why = hasGuard ? 'its own "_guard" does' : `the guard in ${folder!.file} does`;
			return new Problem('RT_GUARD_PUBLIC', [why], file);
		}
		const isSilent = exports.length > 0 && !isPublic && !hasGuard && !folder;
		return requireGuard && isSilent ? new Problem('RT_GUARD_MISSING', [path], file) : [];
	});
}
