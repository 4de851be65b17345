/** A combination of keys, as options write it: `ctrl+shift+l`. */
export interface Shortcut {
	/** `Ctrl+Shift+L` */
	readonly label: string;
	matches(event: KeyboardEvent): boolean;
}

const MODIFIERS = ['ctrl', 'shift', 'alt', 'meta'] as const;

/** @param text Modifiers `ctrl`, `shift`, `alt`, `meta`, and a key, in any order of the former. */
export function shortcut(text: string): Shortcut {
	const parts = text.toLowerCase().split('+');
	const key = parts.at(-1) ?? '';
	const letter = /^[a-z]$/.test(key) ? `Key${key.toUpperCase()}` : undefined;
	return {
		label: parts.map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join('+'),
		matches: (event) =>
			MODIFIERS.every((name) => event[`${name}Key`] === parts.includes(name)) &&
			// By place where the layout has other letters there; with Alt a key may write another one.
			(event.key.toLowerCase() === key || event.code === letter)
	};
}
