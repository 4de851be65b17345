/** How commands go out: those of one tick in one write, and each for so long. */

import type { Command, Redis } from 'ioredis';
import { systemClock } from 'svelte-realtime/kernel';

interface Sent {
	readonly command: Command;
	/** Milliseconds since the Unix epoch. */
	readonly until: number;
}

/**
 * Holds back what a connection is given until the tick is over, when all of it goes to the socket at
 * once: a write costs more than what it carries. What is not answered in time fails. The driver has a
 * timer for each command, which costs as much as all the rest that it does; answers come in the order of
 * the commands, so one timer for the oldest is enough.
 *
 * @param timeout Milliseconds that a command may take.
 */
export function watchCommands(client: Redis, timeout: number): void {
	const send = client.sendCommand.bind(client);
	/** The oldest first. */
	let sent: Sent[] = [];
	/** How many of them are answered. */
	let done = 0;
	let isTimed = false;
	let held: Redis['stream'] | undefined;

	function flush(): void {
		held!.uncork();
		held = undefined;
	}

	function forgetAnswered(): void {
		while (done < sent.length && sent[done]!.command.isSettled) done += 1;
		if (done < 64 || 2 * done < sent.length) return;
		sent = sent.slice(done);
		done = 0;
	}

	function look(): void {
		isTimed = false;
		forgetAnswered();
		const now = systemClock.now();
		for (; done < sent.length && sent[done]!.until <= now; done += 1) {
			const { command } = sent[done]!;
			if (!command.isSettled) command.reject(new Error('Command timed out'));
		}
		if (done < sent.length) time(sent[done]!.until - now);
	}

	function time(delay: number): void {
		isTimed = true;
		systemClock.after(delay, look);
	}

	client.sendCommand = (command, stream) => {
		// There is none before the first attempt to connect.
		if (held === undefined && (client.stream as Redis['stream'] | undefined)) {
			held = client.stream;
			held.cork();
			process.nextTick(flush);
		}
		forgetAnswered();
		sent.push({ command, until: systemClock.now() + timeout });
		if (!isTimed) time(timeout);
		return send(command, stream);
	};
}
