/** Content codings that a client takes, by its Accept-Encoding. */

import Negotiator from 'negotiator';

/** Which of these a client takes, best first; of equal ones that which stands first. */
export type Negotiate = (accepts: string) => readonly string[];

/** @param codings Best first. What a client takes none of, it takes as it is (`identity`). */
export function negotiate(codings: Iterable<string>): Negotiate {
	const offered = [...codings, 'identity'];
	/** Clients send the same few lines. Emptied when one sends ever new ones. */
	const known = new Map<string, readonly string[]>();
	return (accepts) => {
		const before = known.get(accepts);
		if (before) return before;
		const negotiator = new Negotiator({ headers: { 'accept-encoding': accepts } });
		// At equal weight the client's order means nothing, and ours does.
		const found = (negotiator as WithPreference).encodings(offered, { preferred: offered });
		if (known.size >= 256) known.clear();
		known.set(accepts, found);
		return found;
	};
}

/** What negotiator 1 can, and its type package of 0.6 does not know. */
interface WithPreference {
	encodings(available: readonly string[], options: { preferred: readonly string[] }): string[];
}
