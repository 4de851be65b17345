/** What streams and calls can do beyond what every page needs; a page loads what it uses. */

import { installOptimistic } from './optimistic.ts';
import { installIterate } from './streams/iterate.ts';
import { installPiped } from './streams/merge/piped.ts';
import { installPages } from './streams/pages.ts';
import { installWhen } from './streams/when.ts';

/**
 * Gives the streams and calls of this program everything that their types promise.
 *
 * With the Vite plugin, and for `createClient`, nobody has to call it. It may be called again.
 */
export function installFeatures(): void {
	installIterate();
	installOptimistic();
	installPages();
	installPiped();
	installWhen();
}
