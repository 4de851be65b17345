import { live } from 'svelte-realtime';
import { FILE_SIZE } from '$lib/model';
import { FileName } from '$lib/server/schemas';
import { shelf } from '$lib/server/shelf';

/** Puts a file on the shelf. */
export const upload = live.binary(
	FileName,
	async (ctx, bytes, name) => {
		const { file, gone } = await shelf.add(name, ctx.user?.name ?? 'Somebody', bytes);
		ctx.publish('files', 'created', file);
		for (const { id } of gone) ctx.publish('files', 'deleted', { id });
		return file;
	},
	{ maxSize: FILE_SIZE }
);

export const files = live.stream('files', () => shelf.list(), { merge: 'crud', prepend: true });
