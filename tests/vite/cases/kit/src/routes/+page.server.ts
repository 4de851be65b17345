import { messages } from '$live/chat';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async (event) => ({ seed: await messages.load(event) });
