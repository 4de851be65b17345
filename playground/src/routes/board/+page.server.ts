import { board } from '$live/board';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async (event) => {
	const [notes, people] = await Promise.all([board.data.load(event), board.presence.load(event)]);
	return { notes, people, me: event.locals.user };
};
