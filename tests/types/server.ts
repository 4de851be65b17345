/** What must hold between the two halves of a stream. Checked by tsc; nothing here runs. */

import type { Stub } from 'svelte-realtime/client';
import type { ServerStream } from 'svelte-realtime/plugins/streams';

type Browser = Stub<{
	'~live': { kind: 'stream'; args: [name: string]; value: string[]; dynamic: true };
}>;
type Plain = Stub<{ '~live': { kind: 'stream'; args: []; value: string[]; dynamic: false } }>;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

/** A page that is rendered finds on the server whatever it uses in the browser, and nothing else. */
export const plain: Same<keyof Plain, keyof ServerStream> = true;
export const dynamic: Same<
	keyof ReturnType<Browser> | 'load' | 'hydrate',
	keyof ReturnType<ServerStream>
> = true;
