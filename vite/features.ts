/** What streams and calls can do beyond the base, which a page loads only where its code says the word. */

import type { Plugin } from 'vite';
import { PACKAGE } from './kinds.ts';
import { FEATURE } from './virtual-ids.ts';

export interface Feature {
	/** Found in the text of a module that may use the feature. */
	readonly word: RegExp;
	/** Export of the client that adds the feature. */
	readonly install: string;
}

/** By name, which is part of the id of the module that adds the feature. */
export const FEATURES: Readonly<Record<string, Feature>> = {
	iterate: { word: /\bfor\s+await\b|\basyncIterator\b/, install: '__iterate' },
	optimistic: { word: /\boptimistic\b/, install: '__optimistic' },
	pages: { word: /\b(?:loadMore|hasMore)\b/, install: '__pages' },
	when: { word: /\.\s*when\b|\{\s*when\b/, install: '__when' }
};

/** Source of the module that adds one feature, or `all`. */
export function featureModule(name: string): string {
	const install = name === 'all' ? 'installFeatures' : FEATURES[name]!.install;
	return `import { ${install} } from "${PACKAGE}/client";\n${install}();\n`;
}

/**
 * Adds to each module of the app what it may use, in builds for the browser: a page then loads the
 * features that its code names, and no others. In dev all of them are there.
 *
 * @param ours Folder of this package, whose own code is not the app's.
 */
export function featurePlugin(ours: string): Plugin {
	return {
		name: `${PACKAGE}:features`,
		apply: 'build',
		transform: {
			// What is compiled to JavaScript is by then.
			order: 'post',
			filter: { code: Object.values(FEATURES).map(({ word }) => word) },
			handler(code, id) {
				if (this.environment.config.consumer !== 'client' || !isAppCode(id, ours)) return;
				const used = Object.keys(FEATURES).filter((name) => FEATURES[name]!.word.test(code));
				const imports = used.map((name) => `\nimport "${FEATURE}${name}";`);
				// At the end, where they move no line; imports come first wherever they stand.
				return { code: code + imports.join(''), map: null };
			}
		}
	};
}

function isAppCode(id: string, ours: string): boolean {
	const [file = '', query = ''] = id.split('?', 2);
	if (id.includes('\0') || file.includes('/node_modules/')) return false;
	if (['dist', 'kernel', 'plugins'].some((folder) => file.startsWith(`${ours}/${folder}/`))) {
		return false;
	}
	return /\.(?:[cm]?[jt]sx?|svelte)$/.test(file) && !/(?:^|[&.])(?:css|raw|url)\b/.test(query);
}
