/** Asks anew, once for however many reasons there are at the time. */

import type { ClientKernel } from '../../kernel/client/index.ts';

export interface Refresher {
	/** @param delay Milliseconds to wait, beyond those in which several are one. */
	refresh(delay: number): void;
	/** Shows a value that is newer than whatever could be asked for. */
	set(value: unknown): void;
	/** One reason less to be there. */
	release(): void;
}

interface Refreshed {
	readonly key: unknown;
	refresh(): unknown;
	set(value: unknown): void;
	readonly wait: number;
}

/** The refresher of what has this key: the same one for everybody in this client. */
export function refresherOf(kernel: ClientKernel, target: Refreshed): Refresher {
	return kernel.install(setup)(target);
}

function setup(kernel: ClientKernel): (target: Refreshed) => Refresher {
	const known = new Map<unknown, { readonly refresher: Refresher; count: number }>();
	return (target) => {
		let entry = known.get(target.key);
		if (!entry) {
			const release = (): void => {
				entry!.count -= 1;
				if (entry!.count === 0) known.delete(target.key);
			};
			entry = { refresher: { ...createRefresher(kernel, target), release }, count: 0 };
			known.set(target.key, entry);
		}
		entry.count += 1;
		return entry.refresher;
	};
}

function createRefresher(
	{ clock }: ClientKernel,
	target: Refreshed
): Pick<Refresher, 'refresh' | 'set'> {
	let cancel: (() => void) | undefined;
	let isRunning = false;
	/** Something happened that the running question may not have seen. */
	let isDirty = false;

	function schedule(delay: number): void {
		cancel ??= clock.after(target.wait + delay, () => {
			cancel = undefined;
			if (isRunning) isDirty = true;
			else void run();
		});
	}

	async function run(): Promise<void> {
		isRunning = true;
		try {
			await target.refresh();
		} catch {
			// What is shown says itself that it could not be had; the next invalidation asks again.
		}
		isRunning = false;
		if (isDirty) schedule(0);
		isDirty = false;
	}

	return {
		refresh: schedule,
		set(value) {
			cancel?.();
			cancel = undefined;
			isDirty = false;
			target.set(value);
		}
	};
}
