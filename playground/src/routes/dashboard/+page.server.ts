import { activity, progress, samples } from '$live/dashboard';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async (event) => {
	const [todos, events, measured] = await Promise.all([
		progress.load(event),
		activity.load(event),
		samples.load(event)
	]);
	return { todos, events, measured };
};
