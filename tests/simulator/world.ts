/** What all parts of one simulation share. */

import { Database } from './database.ts';
import type { Features } from './features.ts';
import { Network } from './network.ts';
import type { Profile } from './profile.ts';
import type { Random } from './random.ts';
import { VirtualTime } from './time.ts';
import { Trace } from './trace.ts';

/** Milliseconds after a disturbance in which a call may still fail to be answered in time. */
const RECOVERY = 20_000;
/** Milliseconds after which a call whose answer was dropped has timed out. */
const TIMEOUT = 31_000;

export class World {
	readonly time: VirtualTime = new VirtualTime();
	readonly database: Database = new Database();
	readonly trace: Trace;
	readonly random: Random;
	readonly profile: Profile;
	readonly features: Features;
	readonly network: Network;
	/** What must not be, in the order in which it was found. */
	readonly violations: string[] = [];
	/** Client and topic where a page's seed was taken over. */
	readonly seeded: Set<string> = new Set();
	/** Nothing fails any more. */
	isHealed: boolean = false;
	readonly #changedAt: Map<number, number> = new Map();
	readonly #droppedAt: Map<number, number> = new Map();

	constructor(random: Random, profile: Profile, features: Features, keepTrace: boolean) {
		this.random = random;
		this.profile = profile;
		this.features = features;
		this.trace = new Trace(keepTrace);
		this.network = new Network({
			time: this.time,
			random: random.fork(),
			trace: this.trace,
			mayRepeat: (text) => features.repeatedAnswers || text.startsWith('{"type":"event"'),
			disturbed: (client, what) => this.disturbed(client, what)
		});
	}

	/** Something has come between this client and its server. */
	disturbed(client: number, what: 'changed' | 'dropped'): void {
		const at = what === 'changed' ? this.#changedAt : this.#droppedAt;
		at.set(client, this.time.now);
	}

	log(line: string): void {
		this.trace.add(this.time.now, line);
	}

	violation(what: string): void {
		this.log(`! ${what}`);
		this.violations.push(what);
	}

	/** Whether a call of this client has reason to time out now. */
	mayTimeOut(client: number): boolean {
		return this.#isSince(client, RECOVERY, TIMEOUT);
	}

	/** Whether nothing has come between this client and its server for a while. */
	isUndisturbed(client: number): boolean {
		return !this.#isSince(client, RECOVERY, TIMEOUT);
	}

	#isSince(client: number, changed: number, dropped: number): boolean {
		if (this.network.isDeceived(client)) return true;
		const since = (at: Map<number, number>): number =>
			this.time.now - (at.get(client) ?? -Infinity);
		return since(this.#changedAt) < changed || since(this.#droppedAt) < dropped;
	}
}
