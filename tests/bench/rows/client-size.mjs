/** What `$live` adds to a page that uses one call and one stream, against what it may add. */

import { weighClient } from '../client-bundle.mjs';

const UNIT = 'bytes after gzip';

/** @type {import('../run.mjs').Row} */
export const clientSize = {
	name: 'client-size',
	unit: UNIT,
	measure: async () => weighed((await weighClient()).page, 7000)
};

/** @type {import('../run.mjs').Row} */
export const clientSizeDevalue = {
	name: 'client-size-devalue',
	unit: UNIT,
	measure: async () => weighed((await weighClient()).all, 11_000)
};

function weighed(ours, control) {
	return { ours, control, ratio: ours / control, gates: { 'ratio <= 1': ours <= control } };
}
