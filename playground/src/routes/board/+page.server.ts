import { board } from '$live/board';
import { VISITOR, visitorOf } from '$lib/server/visitors';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async (event) => {
	const [notes, people] = await Promise.all([board.data.load(event), board.presence.load(event)]);
	return { notes, people, me: visitorOf(event.cookies.get(VISITOR)) };
};
