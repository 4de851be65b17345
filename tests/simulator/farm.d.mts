export interface Failure {
	readonly seed: number;
	/** Of the trace. */
	readonly hash: string;
	readonly violations: readonly string[];
}

export interface Range {
	/** @default 1 */
	readonly first?: number;
	readonly last: number;
	/** Workers. @default as many as there are cores */
	readonly jobs?: number;
	/** Failed seeds after which a worker ends. @default 3 */
	readonly most?: number;
	/** Milliseconds after which no further seed begins. @default Infinity */
	readonly within?: number;
}

export function play(
	file: string,
	range: Range
): Promise<{ readonly played: number; readonly failures: readonly Failure[] }>;
