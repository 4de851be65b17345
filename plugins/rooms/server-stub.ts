import { serverRpc } from 'svelte-realtime/plugins/rpc';
import { serverStream, type RenderTools } from 'svelte-realtime/plugins/streams';
import { partsOf } from './parts.ts';

/** What a `$live` room is while a page is rendered: its parts can be loaded, and handed around. */
export function serverRoom(path: string, tools?: RenderTools): Readonly<Record<string, unknown>> {
	return partsOf(path, {
		data: (part) => serverStream(part, tools),
		presence: (part) => serverStream(part),
		cursors: (part) => serverStream(part),
		action: serverRpc
	});
}
