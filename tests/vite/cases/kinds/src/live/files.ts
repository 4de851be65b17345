import * as v from 'valibot';
import { live } from 'svelte-realtime';

/** Keeps a picture. */
export const picture = live.binary((_ctx, data, name: string) => ({ name, size: data.length }));
export const described = live.binary(v.object({ alt: v.string() }), async (_ctx, data, { alt }) => {
	return alt + data.length;
});
