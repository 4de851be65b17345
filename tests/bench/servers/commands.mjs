/** What both servers do alike: publish at a steady rate, and say what processor time they took. */

import { answer } from '../process.mjs';

/** Topics by the name of the stream that a load follows; the control uses the same. */
export const TOPICS = { feed: 'bench:feed', log: 'bench:log', cursors: '__cursors:bench' };

/**
 * @param {{ port: number, publish: Record<string, (data: { at: number, text: string }) => void> }} server
 * `publish`: one function per stream; whatever else there is are commands.
 */
export function serve({ port, publish, ...more }) {
	let since = process.cpuUsage();
	answer({
		...more,
		port: () => port,
		begin: () => void (since = process.cpuUsage()),
		/** Seconds of user and system time of all threads since `begin`. */
		end() {
			const { user, system } = process.cpuUsage(since);
			return (user + system) / 1e6;
		},
		publish: ({ stream, count, rate, tick }) => pace(publish[stream], { count, rate, tick })
	});
}

const TEXT = 'Hello everyone, this is a message.';

/**
 * Publishes `count` times, `rate` times a second, in steps of `tick` milliseconds.
 *
 * A step that comes late is made up for by sooner steps, never by a larger one: how many frames
 * travel together decides what one costs, and must not depend on what else the machine does.
 */
function pace(publish, { count, rate, tick }) {
	const batch = (rate * tick) / 1000;
	const started = performance.now();
	let published = 0;
	let steps = 0;
	return new Promise((resolve) => {
		const step = () => {
			for (let i = 0; i < batch && published < count; i++, published++) {
				const [seconds, nanoseconds] = process.hrtime();
				publish({ at: seconds * 1e6 + Math.floor(nanoseconds / 1e3), text: TEXT });
			}
			if (published === count) resolve();
			else setTimeout(step, started + ++steps * tick - performance.now());
		};
		step();
	});
}
