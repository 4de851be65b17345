import { files } from '$live/files';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async (event) => ({ files: await files.load(event) });
