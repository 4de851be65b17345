/** What is allowed in a live module, and hardly meant. */

import type { LiveModule } from './manifest.ts';
import type { ModuleSyntax } from './parse.ts';
import { relative } from './paths.ts';
import { placeOf, Problem, problemAt } from './problem.ts';
import type { Proof } from './prove.ts';

/** The warnings that a module gives by itself. */
export function moduleWarnings(
	module: ModuleSyntax,
	{ exports, plain, hasGuard, problems }: Omit<Proof, 'files'>
): Problem[] {
	// What its exports are is not known as long as one of them is wrong.
	if (problems.length > 0) return [];
	const at = (name: string): ModuleSyntax['exported'][number] | undefined =>
		module.exported.find((entry) => entry.name === name) ??
		module.exported.find(({ from }) => from === 'star');
	const [first] = plain;
	if (exports.length === 0 && !hasGuard && first !== undefined) {
		return [problemAt('RT_LIVE_NONE', [], module, (at(first) ?? { node: module.program }).node)];
	}
	const warnings = plain.map((name) =>
		problemAt('RT_LIVE_PLAIN', [name], module, (at(name) ?? { node: module.program }).node)
	);
	const guard = exports.length === 0 ? at('_guard') : undefined;
	if (guard) warnings.push(problemAt('RT_GUARD_IDLE', ['this module'], module, guard.node));
	return warnings;
}

/** Those that no module gives alone. */
export function commonWarnings(
	modules: readonly LiveModule[],
	guards: readonly LiveModule[]
): Problem[] {
	const idle = guards.flatMap((guard) => {
		const folder = guard.path.slice(0, -'_guard'.length);
		const isUsed = modules.some(
			({ path, exports, problems }) =>
				path.startsWith(folder) && (exports.length > 0 || problems.length > 0)
		);
		return isUsed || guard.problems.length > 0 || !guard.guardAt
			? []
			: new Problem('RT_GUARD_IDLE', ['its folder'], guard.file, guard.guardAt);
	});
	return [...idle, ...sharedTopics(modules)];
}

function sharedTopics(modules: readonly LiveModule[]): Problem[] {
	const first = new Map<string, NonNullable<LiveModule['topics']>[number]>();
	return modules.flatMap(({ topics = [] }) =>
		topics.flatMap((use) => {
			const other = first.get(use.topic);
			if (!other) first.set(use.topic, use);
			// In one module it is seen, and may be meant: two views of one topic.
			if (!other || other.file === use.file) return [];
			const { line } = placeOf(other.source.code, other.source.offset);
			const where = `${relative(`${use.file}/..`, other.file)}:${line}`;
			const slots = [use.topic, use.name, other.name, where];
			return new Problem('RT_LIVE_TOPIC_TWICE', slots, use.file, use.source);
		})
	);
}

/** Tells each warning once, and again only when it had gone. */
export function createWarner(
	warn: (warning: Problem) => void
): (warnings: readonly Problem[]) => void {
	let told = new Set<string>();
	return (warnings) => {
		const fresh = warnings.filter(({ stack }) => !told.has(stack ?? ''));
		told = new Set(warnings.map(({ stack }) => stack ?? ''));
		fresh.forEach(warn);
	};
}
