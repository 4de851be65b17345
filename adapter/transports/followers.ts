/** Which sockets follow which topics, where the native layer keeps no such list. */
export class Followers<S> {
	readonly #topics = new Map<string, Set<S>>();

	of(topic: string): ReadonlySet<S> | undefined {
		return this.#topics.get(topic);
	}

	add(topic: string, socket: S): void {
		const sockets = this.#topics.get(topic);
		if (sockets) sockets.add(socket);
		else this.#topics.set(topic, new Set([socket]));
	}

	remove(topic: string, socket: S): void {
		const sockets = this.#topics.get(topic);
		if (sockets?.delete(socket) && sockets.size === 0) this.#topics.delete(topic);
	}
}
