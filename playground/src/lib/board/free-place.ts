import type { Note } from '$lib/model';

type Place = Pick<Note, 'x' | 'y'>;

/** Places that are looked at; the best of so many is good enough. */
const TRIES = 40;

/** Where a new note covers as little as possible of those that are there. */
export function freePlace(notes: readonly Place[]): Place {
	const room = (place: Place): number =>
		Math.min(...notes.map(({ x, y }) => Math.hypot(x - place.x, y - place.y)));
	const places = Array.from({ length: TRIES }, () => ({ x: somewhere(), y: somewhere() }));
	return places.reduce((best, place) => (room(place) > room(best) ? place : best));
}

function somewhere(): number {
	return 0.05 + Math.random() * 0.9;
}
