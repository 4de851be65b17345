/** Several instances in one process, which can ask each other. */

import { definePlugin, type Plugin } from 'svelte-realtime/kernel';
import type { InstancesLink } from 'svelte-realtime/plugins/instances';

export interface Mail {
	/** Whether the next message is. */
	isLost(): boolean;
	/** What has to be over before one hears for another. */
	held: Promise<void> | undefined;
	/** An instance dies: nobody hears what is sent to it. */
	forget(id: string): void;
	/** What leads one of them to the others. */
	plugin(): Plugin;
}

/** Ways from each instance to each, that a test can lose messages on. */
export function mail(): Mail {
	const boxes = new Map<string, (message: string) => void>();
	/** Who hears for whom. */
	const standIns = new Map<string, string>();
	const self: Mail = {
		isLost: () => false,
		held: undefined,
		forget: (id) => void boxes.delete(id),
		plugin: () =>
			definePlugin({
				name: 'mail',
				provides: ['instances.link'],
				setup(kernel) {
					const link: InstancesLink = {
						beat: () => ({ lease: 'renewed', gone: [] }),
						cleared() {},
						leave: () => void boxes.delete(kernel.instanceId),
						alive: () => (boxes.has(kernel.instanceId) ? [...boxes.keys()] : []),
						send(instance, message) {
							const hears = [instance, standIns.get(instance) ?? ''].flatMap(
								(id) => boxes.get(id) ?? []
							);
							for (const hear of hears) if (!self.isLost()) queueMicrotask(() => hear(message));
							return hears.length > 0;
						},
						async standIn(instance) {
							await self.held;
							standIns.set(instance, kernel.instanceId);
							return () => void standIns.delete(instance);
						},
						receive: (hear) => void boxes.set(kernel.instanceId, hear)
					};
					kernel.provide('instances.link', link);
				}
			}) as Plugin
	};
	return self;
}
