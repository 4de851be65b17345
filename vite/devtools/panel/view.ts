import type { Recorder } from '../recorder/index.ts';

/** What a tab shows. */
export interface View {
	readonly node: HTMLElement;
	/** Shows how things are now; called a few times per second while the tab is open. */
	update(): void;
	/** The tab is shown. */
	enter?(): void;
}

/** What a tab is made from. */
export interface ViewSource {
	readonly recorder: Recorder;
	/** Where the dev server describes its plugins. */
	readonly describe: string;
}

/** A tab. */
export interface Tab {
	readonly name: string;
	readonly label: string;
	make(source: ViewSource): View;
}
