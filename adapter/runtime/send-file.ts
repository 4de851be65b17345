/** From a file to the client, at the client's pace. */

import { open } from 'node:fs/promises';
import type { FileAnswer } from './file-answer.ts';
import type { Reply } from './front.ts';

/** Bytes read from a file at a time, which is what a client that reads slowly costs. */
const FILE_CHUNK = 256 * 1024;

/**
 * Writes a file, or the part of it that was asked for; large ones from the disk at the client's pace.
 *
 * @throws Where it cannot be read, or is shorter than it was. The connection is then cut, if the head
 * is gone.
 */
export async function sendFile(reply: Reply, answer: FileAnswer): Promise<void> {
	if (answer.source === undefined) {
		reply.send(answer.head, answer.body, { length: answer.length });
		return;
	}
	const { path, start, end } = answer.source;
	const file = await open(path);
	let at = start;
	try {
		const size = Math.min(FILE_CHUNK, end - start + 1);
		let buffer = Buffer.allocUnsafeSlow(size);
		while (at <= end) {
			// So large a buffer comes from the system and goes back to it, page by page: that takes longer
			// than to send what is in it.
			if (at > start && !reply.copies) buffer = Buffer.allocUnsafeSlow(size);
			const { bytesRead } = await file.read(buffer, 0, Math.min(size, end - at + 1), at);
			if (bytesRead === 0 || reply.isClosed) break;
			if (at === start) reply.begin(answer.head, { length: answer.length });
			at += bytesRead;
			const room = reply.write(buffer.subarray(0, bytesRead));
			if (room) await room;
		}
		if (at <= end && !reply.isClosed) throw new Error(`${path} has become shorter.`);
		reply.end();
	} catch (error) {
		if (reply.isClosed) return;
		if (at > start) reply.abort();
		throw error;
	} finally {
		await file.close();
	}
}
