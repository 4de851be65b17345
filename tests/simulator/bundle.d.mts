/** A fault to plant: text that stands in a product's file once, and what stands there instead. */
export interface Fault {
	/** Path from the root of the package. */
	readonly file: string;
	readonly find: string;
	readonly replace: string;
}

/** Writes the bundle and returns its path. */
export function bundle(name: string, fault?: Fault): Promise<string>;
