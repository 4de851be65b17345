import { error } from '@sveltejs/kit';
import { shelf } from '$lib/server/shelf';
import type { RequestHandler } from './$types';

/** Gives a file back, as something to keep: what a visitor has sent is never shown as a page. */
export const GET: RequestHandler = async ({ params }) => {
	const found = await shelf.find(params.id);
	if (!found) error(404, 'This file is gone.');
	return new Response(new Uint8Array(found.bytes), {
		headers: {
			'content-type': 'application/octet-stream',
			'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(found.file.name)}`,
			'x-content-type-options': 'nosniff'
		}
	});
};
