import { definePlugin, type OutboundFrame, type Plugin } from '../plugin.ts';
import type { VirtualClock } from './clock.ts';

/** Carries what is published on one test kernel to the others, in order. */
export interface TestBus {
	/** Milliseconds that frames published from now on are under way. @default 0: they arrive at once, unless they overtake */
	delay: number;
	/** Frames between these two are lost, in both directions, until `heal()`. */
	cut(one: number, other: number): void;
	/** Every kernel hears every other one again; what was lost stays lost. */
	heal(): void;
	/** The plugin that connects one kernel to the bus. */
	plugin(index: number): Plugin<never, never>;
	/** What is still under way arrives nowhere. */
	close(): void;
}

export function createTestBus(clock: VirtualClock): TestBus {
	const arrivals = new Map<number, (frame: OutboundFrame) => void>();
	const links = new Set<string>();
	const underWay = new Set<() => void>();
	/** When the latest frame arrives: the next one does not come before it. */
	let latest = 0;
	const link = (one: number, other: number): string =>
		`${Math.min(one, other)}-${Math.max(one, other)}`;

	function relay(from: number, frame: OutboundFrame): void {
		const arrive = (): void => {
			for (const [to, deliver] of arrivals) {
				if (to !== from && !links.has(link(from, to))) deliver(frame);
			}
		};
		const at = Math.max(clock.now() + bus.delay, latest);
		if (at === clock.now() && underWay.size === 0) return arrive();
		latest = at;
		const cancel = clock.after(at - clock.now(), () => {
			underWay.delete(cancel);
			arrive();
		});
		underWay.add(cancel);
	}

	const bus: TestBus = {
		delay: 0,
		cut: (one, other) => void links.add(link(one, other)),
		heal: () => links.clear(),
		plugin: (index) =>
			definePlugin({
				name: 'test-bus',
				setup(kernel) {
					arrivals.set(index, (frame) => kernel.deliver(frame));
					kernel.hook(
						'published',
						({ topic, event, data, seq, epoch, origin }) => {
							if (origin === 'remote') return;
							const value = kernel.values.encode(data, topic);
							relay(index, { topic, event, value, seq, epoch, origin: 'remote' });
						},
						{ order: 'post' }
					);
					kernel.hook('shutdown', () => {
						arrivals.delete(index);
						if (arrivals.size === 0) bus.close();
					});
				}
			}),
		close() {
			for (const cancel of underWay) cancel();
			underWay.clear();
		}
	};
	return bus;
}
