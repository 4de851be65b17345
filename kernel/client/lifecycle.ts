/** The part of an event of the page that the client reads. */
export interface PageEvent {
	readonly type: string;
	/** The document, for `visibilitychange`. */
	readonly target: unknown;
}

/** Where the events of the page are heard; `globalThis` in a browser. */
export interface PageEvents {
	addEventListener(type: string, listener: (event: PageEvent) => void): void;
	removeEventListener(type: string, listener: (event: PageEvent) => void): void;
}

/** In one text, as a page has to load it. */
const EVENTS = 'online offline pagehide pageshow visibilitychange';

/** Adds or removes a listener to what happens to the page; adding it twice is adding it once. */
export function listenToPage(
	how: keyof PageEvents,
	page: Partial<PageEvents>,
	listener: (event: PageEvent) => void
): void {
	for (const type of EVENTS.split(' ')) {
		page[how]?.(type, listener);
	}
}

/** Whether the event says that nobody sees the page, and that the browser may hold timers back. */
export function isHidden({ target }: PageEvent): boolean {
	return !!(target as { hidden?: boolean } | null)?.hidden;
}
