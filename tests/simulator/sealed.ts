/** Takes the machine's own time and chance away while a simulation runs. */

import type { Random } from './random.ts';

const FORBIDDEN = ['setTimeout', 'setInterval', 'setImmediate'] as const;

let bytes: Random | undefined;

/** What `node:crypto` has for the product in a bundle of the simulator. */
export function randomBytes(length: number): Buffer {
	return Buffer.from(Array.from({ length }, () => bytes!.below(256)));
}

export interface Seal {
	/** Gives everything back. */
	lift(): void;
}

/**
 * From here on ids come from `random`, and whatever asks for the machine's time or timers throws.
 *
 * @param failed Hears of errors that nobody caught.
 */
export function seal(random: Random, failed: (error: unknown) => void): Seal {
	bytes = random;
	const saved = new Map<object, Map<string, PropertyDescriptor | undefined>>();
	const replace = (target: object, name: string, value: unknown): void => {
		const before = saved.get(target) ?? new Map<string, PropertyDescriptor | undefined>();
		saved.set(target, before.set(name, Object.getOwnPropertyDescriptor(target, name)));
		Object.defineProperty(target, name, { value, configurable: true, writable: true });
	};
	const refuse = (name: string) => (): never => {
		throw new Error(`${name}() is called in a simulation`);
	};
	for (const name of FORBIDDEN) replace(globalThis, name, refuse(name));
	replace(Date, 'now', refuse('Date.now'));
	replace(Math, 'random', refuse('Math.random'));
	replace(performance, 'now', refuse('performance.now'));
	replace(globalThis, 'reportError', failed);
	replace(globalThis, 'crypto', {
		getRandomValues(array: Uint8Array | Uint32Array) {
			for (let i = 0; i < array.length; i += 1) array[i] = random.below(2 ** 32);
			return array;
		},
		randomUUID: () => randomBytes(16).toString('hex')
	});
	process.on('unhandledRejection', failed);
	return {
		lift() {
			process.off('unhandledRejection', failed);
			for (const [target, names] of saved) {
				for (const [name, descriptor] of names) {
					if (descriptor) Object.defineProperty(target, name, descriptor);
					else Reflect.deleteProperty(target, name);
				}
			}
		}
	};
}
