/** What a page says to the server over its socket. */

import type { Page } from 'playwright-core';

export interface SentFrame {
	readonly type: string;
	readonly since?: unknown;
}

/** Collects the frames that the page sends; call before `goto`. */
export function sentFrames(page: Page): SentFrame[] {
	const frames: SentFrame[] = [];
	page.on('websocket', (socket) => {
		if (new URL(socket.url()).pathname !== '/ws') return;
		socket.on('framesent', ({ payload }) => {
			frames.push(...([JSON.parse(String(payload))].flat() as SentFrame[]));
		});
	});
	return frames;
}

/** Those among the frames that begin or end a stream. */
export function streamFrames(frames: readonly SentFrame[]): SentFrame[] {
	return frames.filter(({ type }) => type === 'stream' || type === 'stream:end');
}
