/** What the overlay keeps over page loads, for this tab of the browser. */
export interface Memory {
	isOpen: boolean;
	/** Name of the tab that was shown last. */
	tab: string;
	/** Pixels; 0 for what the style says. */
	height: number;
}

const KEY = 'svelte-realtime:devtools';

/** Reads what was kept; what is set is kept from then on. */
export function createMemory(): Memory {
	const kept: Memory = { isOpen: false, tab: '', height: 0 };
	try {
		Object.assign(kept, JSON.parse(sessionStorage.getItem(KEY) ?? '{}'));
	} catch {
		// A page may have no storage, or a broken one: it begins with what is usual.
	}
	return new Proxy(kept, {
		set(target, name, value) {
			Reflect.set(target, name, value);
			try {
				sessionStorage.setItem(KEY, JSON.stringify(target));
			} catch {
				// It is forgotten with the page.
			}
			return true;
		}
	});
}
