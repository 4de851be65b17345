/** Values of the app's own types, which the supervisor carries and does not read. */

import type { EncodedValue, ValueCodec } from 'svelte-realtime/kernel';

/** The text of a value, and whether devalue has written it; `null` for `undefined`. */
export type Packed = readonly [json: string | null, devalue: 0 | 1];

export interface Packer {
	pack(value: unknown): Packed;
	unpack(packed: Packed): unknown;
}

/** @param purpose What the values are for, in the error about one that cannot be written. */
export function packer(values: ValueCodec, purpose: string): Packer {
	return {
		pack(value) {
			const { json, devalue }: EncodedValue = values.encode(value, purpose);
			return [json ?? null, devalue ? 1 : 0];
		},
		unpack([json, devalue]) {
			return values.read({ json: json ?? undefined, devalue: devalue === 1 });
		}
	};
}
