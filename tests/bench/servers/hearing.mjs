/** How old frames are when a server has them; `process.hrtime` is one clock for all processes. */

export function hearing() {
	let ages = [];
	let expected = 0;
	let done = () => {};
	let all = Promise.resolve();
	return {
		/** @param {number} at Microseconds. */
		hear(at) {
			const [seconds, nanoseconds] = process.hrtime();
			ages.push(seconds * 1e6 + nanoseconds / 1e3 - at);
			if (ages.length === expected) done();
		},
		commands: {
			/** Begins to time so many frames. @param {{ count: number }} options */
			listen({ count }) {
				ages = [];
				expected = count;
				all = new Promise((resolve) => (done = resolve));
			},
			/** Milliseconds, once they have all come. */
			async heard() {
				await all;
				ages.sort((a, b) => a - b);
				const at = (share) => ages[Math.floor((ages.length - 1) * share)] / 1000;
				return { p50: at(0.5), p99: at(0.99) };
			}
		}
	};
}
