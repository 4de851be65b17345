/** The ids of the modules that exist only in memory, and their inner forms. */

/** What an app imports. */
export const LIVE = '$live/';
export const CLIENT = 'virtual:svelte-realtime/client';
export const SERVER = 'virtual:svelte-realtime/server';
/** What generated code imports; the name of the feature follows, or `all`. */
export const FEATURE = 'virtual:svelte-realtime/features/';

const PREFIX = '\0virtual:svelte-realtime/';

export type VirtualId =
	| { readonly is: 'client' }
	| { readonly is: 'server' }
	| { readonly is: 'feature'; readonly name: string }
	| { readonly is: 'live'; readonly path: string };

/** The id under which Vite keeps a module; undefined for what is not ours. */
export function innerId(specifier: string): string | undefined {
	if (specifier === CLIENT) return `${PREFIX}client`;
	if (specifier === SERVER) return `${PREFIX}server`;
	if (specifier.startsWith(FEATURE)) return `${PREFIX}features/${specifier.slice(FEATURE.length)}`;
	// The inner id has no `$` behind a colon, since reverse proxies such as nginx stumble over it.
	if (specifier.startsWith(LIVE)) return `${PREFIX}live/${specifier.slice(LIVE.length)}`;
	return undefined;
}

/** Reads an inner id back. */
export function readInnerId(id: string): VirtualId | undefined {
	if (!id.startsWith(PREFIX)) return undefined;
	const rest = id.slice(PREFIX.length);
	if (rest === 'client' || rest === 'server') return { is: rest };
	if (rest.startsWith('features/')) return { is: 'feature', name: rest.slice('features/'.length) };
	return rest.startsWith('live/') ? { is: 'live', path: rest.slice('live/'.length) } : undefined;
}
