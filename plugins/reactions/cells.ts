/** Where values are kept: on this instance alone, or by one instance for all. */

import type { Clock, PluginKernel } from 'svelte-realtime/kernel';
import { Leases } from '../leases.ts';
import { Cell, type ValueCell } from './cell.ts';
import type { Hub } from './hub.ts';
import { SharedCell } from './shared-cell.ts';

export interface Cells {
	/** @param mayShare Whether it is everybody's: under the same topic it is the same on all instances. */
	make(topic: string, mayShare: boolean): ValueCell;
	/** Whether a value of this topic is worked out once for all instances, where it is everybody's. */
	isShared(topic: string): boolean;
	/** Others work the values out from now on. */
	close(): Promise<void>;
}

export interface CellsOptions {
	readonly kernel: PluginKernel<never, never>;
	readonly hub: Hub;
	readonly clock: Clock;
	/** Milliseconds after which another instance works a value out where the one that did so has gone. */
	readonly ttl: number;
}

export function createCells({ kernel, hub, clock, ttl }: CellsOptions): Cells {
	const { instanceId: instance, values, report } = kernel;
	const log = kernel.find('replay.log');
	const store = kernel.find('lock.store');
	const publish = log?.publish?.bind(log);
	const shared =
		log && publish && store
			? {
					log: Object.assign(Object.create(log) as typeof log, { publish }),
					leases: new Leases({ store, clock, ttl, instance, purpose: 'value' })
				}
			: undefined;
	let count = 0;
	const isShared = (topic: string): boolean =>
		shared !== undefined && kernel.classOf(topic) === 'logged';

	return {
		make(topic, mayShare) {
			if (shared && mayShare && isShared(topic)) {
				return new SharedCell({ ...shared, values, clock, hub, topic, report });
			}
			return new Cell({ kernel, topic, epoch: `${instance}.${(count += 1).toString(36)}` });
		},
		isShared,
		close: async () => shared?.leases.close()
	};
}
