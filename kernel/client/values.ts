import { isPlain } from '../plain.ts';
import type { TransportHook } from '../values.ts';

/** Values on the browser's side. devalue is fetched when a value first needs it. */
export interface ClientValues {
	/** Whether devalue is there. */
	isReady(): boolean;
	/** Fetches devalue; rejects when that fails, and can then be tried again. */
	load(): Promise<void>;
	/**
	 * Writes arguments as fields of a frame; `undefined` when devalue has to be fetched first.
	 *
	 * @throws when no encoding can hold them
	 */
	encode(args: readonly unknown[]): Readonly<Record<string, string>> | undefined;
	/** Reads what stands in a frame. @throws when it is not well formed */
	decode(data: unknown, isDevalue: unknown): unknown;
}

export function createClientValues(transport: () => TransportHook): ClientValues {
	let devalue: typeof import('./devalue.ts') | undefined;
	let loading: Promise<void> | undefined;

	/** One half of each entry of the transport hook, as devalue wants them. */
	const half = <H extends 'encode' | 'decode'>(name: H): Record<string, TransportHook[string][H]> =>
		Object.fromEntries(Object.entries(transport()).map(([key, entry]) => [key, entry[name]]));

	return {
		isReady: () => !!devalue,
		load() {
			loading ??= import('./devalue.ts').then(
				(module) => void (devalue = module),
				(error: unknown) => {
					loading = undefined;
					throw error;
				}
			);
			return loading;
		},
		encode(args) {
			if (args.length === 0) return {};
			if (isPlain(args)) return { args: JSON.stringify(args) };
			if (!devalue) return undefined;
			return { args: devalue.stringify(args, half('encode')), devalue: 'true' };
		},
		decode(data, isDevalue) {
			return isDevalue === true ? devalue!.unflatten(data as never, half('decode') as never) : data;
		}
	};
}

/** The arguments without those that are left out at the end, which travel as well by not being there. */
export function trimmed(args: readonly unknown[]): readonly unknown[] {
	return args.slice(0, args.findLastIndex((argument) => argument !== undefined) + 1);
}
