/** Puts an item into a list, for as long as it is wanted; the result takes it out. */
export function added<T>(list: T[], item: T): () => void {
	list.push(item);
	return () => {
		const index = list.indexOf(item);
		if (index >= 0) list.splice(index, 1);
	};
}
