/** A pipe between two processes as lines of text. */

import type { Duplex } from 'node:stream';

export interface LinePipe {
	/** What is sent in one turn of the event loop travels together. */
	send(line: string): void;
	receive(listener: (line: string) => void): void;
}

export function linePipe(pipe: Duplex): LinePipe {
	let waiting = '';
	// Without a listener an error of a pipe whose other end is gone would end the process.
	pipe.on('error', () => {});

	function flush(): void {
		const text = waiting;
		waiting = '';
		if (!pipe.destroyed) pipe.write(text);
	}

	return {
		send(line) {
			if (waiting === '') process.nextTick(flush);
			waiting += `${line}\n`;
		},
		receive(listener) {
			let rest = '';
			pipe.setEncoding('utf8').on('data', (text: string) => {
				const lines = text.split('\n');
				lines[0] = rest + lines[0];
				rest = lines.pop()!;
				for (const line of lines) listener(line);
			});
		}
	};
}
