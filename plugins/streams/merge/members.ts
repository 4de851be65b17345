/** The strategies of lists that tell who is there, for pages that show it. */

import { cursor } from './cursor.ts';
import { strategies } from './index.ts';
import { presence } from './presence.ts';

/** Adds `presence` and `cursor` to the strategies; to be called before such a stream is answered. */
export function installMembers(): void {
	Object.assign(strategies, { presence, cursor });
}
