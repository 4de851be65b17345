/** The native apps that sockets live in: one, and after a new certificate a while two. */

import type { TemplatedApp } from 'uWebSockets.js';
import type { Payload } from '../../kernel/transport.ts';

/** What can publish: an app to all of its sockets, a socket to all but itself. */
type Publisher = Pick<TemplatedApp, 'publish'>;

/** All of them: each knows the topics of its own sockets only. */
export class Homes {
	// An app without a ws route must not be among them: its `publish` is a segmentation fault.
	readonly #all: Home[] = [];

	add(home: Home): void {
		if (!this.#all.includes(home)) this.#all.push(home);
	}

	remove(home: Home): void {
		const at = this.#all.indexOf(home);
		if (at !== -1) this.#all.splice(at, 1);
	}

	publish(topic: string, payload: Payload, own?: Home, from?: Publisher): boolean {
		const isBinary = typeof payload !== 'string';
		let isFollowed = false;
		for (const home of this.#all) {
			const publisher = home === own && from ? from : home.app;
			if (publisher.publish(topic, payload, isBinary, false)) isFollowed = true;
		}
		return isFollowed;
	}

	subscribers(topic: string): number {
		let count = 0;
		for (const { app } of this.#all) count += app.numSubscribers(topic);
		return count;
	}
}

/** One app, from its first socket to its last. */
export class Home {
	readonly app: TemplatedApp;
	readonly #homes: Homes;
	#sockets = 0;
	#isRetired = false;

	constructor(app: TemplatedApp, homes: Homes) {
		this.app = app;
		this.#homes = homes;
	}

	/** Sends to everyone in every home who follows the topic, but to `from`. */
	publish(topic: string, payload: Payload, from: Publisher | undefined): boolean {
		return this.#homes.publish(topic, payload, this, from);
	}

	opened(): void {
		this.#sockets += 1;
		// Its upgrade may have taken longer than the last of the others lived.
		if (this.#isRetired) this.#homes.add(this);
	}

	closed(): void {
		this.#sockets -= 1;
		this.#leave();
	}

	/** It accepts nothing any more, and is let go of after its last socket. */
	retire(): void {
		this.#isRetired = true;
		this.#leave();
	}

	#leave(): void {
		if (this.#isRetired && this.#sockets === 0) this.#homes.remove(this);
	}
}
