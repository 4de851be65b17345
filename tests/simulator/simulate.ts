/** One seed, one schedule, one verdict. */

import { SimulatedClient } from './client.ts';
import { FEATURES, type Features } from './features.ts';
import { judge } from './oracle.ts';
import { profileOf } from './profile.ts';
import { Random } from './random.ts';
import { Scenario } from './scenario.ts';
import { seal } from './sealed.ts';
import { Server } from './server.ts';
import { runUntil } from './time.ts';
import { World } from './world.ts';

export interface SimulationOptions {
	/** Keeps the lines of the trace. @default false */
	readonly trace?: boolean;
	readonly features?: Features;
}

export interface Outcome {
	readonly seed: number;
	/** Equal for equal runs. */
	readonly hash: string;
	/** What went wrong; empty where nothing did. */
	readonly violations: readonly string[];
	readonly trace: readonly string[];
}

export { randomBytes } from './sealed.ts';

/** Plays the schedule of a seed. The same seed gives the same trace, always. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Outcome> {
	const random = new Random(seed);
	const profile = profileOf(random);
	const world = new World(random, profile, options.features ?? FEATURES, options.trace ?? false);
	world.log(`profile ${JSON.stringify(profile)}`);
	const failed = (error: unknown): void =>
		world.violation(`uncaught: ${error instanceof Error ? error.stack : String(error)}`);
	const { lift } = seal(random.fork(), failed);
	try {
		const server = new Server(world);
		await server.start();
		const clients = Array.from(
			{ length: profile.clients },
			(_, index) => new SimulatedClient(world, index)
		);
		const scenario = new Scenario(world, server, clients);
		const takes = scenario.plan();
		await runUntil(world.time, world.time.now + takes);
		await judge(world, scenario);
	} catch (error) {
		failed(error);
	} finally {
		lift();
	}
	const { hash, lines } = world.trace;
	return { seed, hash, violations: world.violations, trace: lines };
}
