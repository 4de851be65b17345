export interface AppFile {
	/** From the root of the app. */
	readonly path: string;
	readonly code: string;
}
export function liveModules(count: number): AppFile[];
export function pages(count: number): AppFile[];
