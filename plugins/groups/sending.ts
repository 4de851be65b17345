/** Telling the members of a group something: all of them, or those of some roles. */

import {
	chain,
	isThenable,
	LiveError,
	type MaybePromise,
	type PublishResult,
	type ValueCodec
} from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import { checkedData, ignorable } from '../events.ts';
import type { Addressed, GroupFacts } from './options.ts';

/** Stands before the name of a group and a role, where the events of that role's members are. */
export const NAMESPACE = '__group:';
/** The event that ends a group for its members; its data is the id of the opening. */
export const CLOSED = '__close';

export type Publish = LiveContext['publish'];

/** What somebody wants to be told, unchecked. */
export interface Told {
	readonly event: unknown;
	readonly data: unknown;
	readonly to: unknown;
}

export interface Sending {
	/** One native topic for each role, so that members are never looped over. */
	send(
		publish: Publish,
		name: string,
		roles: readonly string[],
		event: string,
		data: unknown
	): MaybePromise<PublishResult>;
	/** @throws {LiveError} INVALID_REQUEST, VALIDATION; or a promise that rejects. */
	publish(by: Publish, facts: GroupFacts, name: string, told: Told): MaybePromise<PublishResult>;
}

/** @param mark Says of a publish that it is one of these. */
export function createSending(values: ValueCodec, mark: symbol): Sending {
	const send: Sending['send'] = (publish, name, roles, event, data) => {
		const encoded = values.encode(data, `the group "${name}"`);
		const results = roles.map((role) =>
			publish(`${NAMESPACE}${name}:${role}`, event, data, { mark, encoded })
		);
		if (results.some(isThenable)) return Promise.all(results).then(worst);
		return worst(results as PublishResult[]);
	};
	return {
		send,
		publish(by, facts, name, { event, data, to }) {
			const roles = rolesOf(facts, to);
			const checked = checkedData(facts.events, event, data);
			return ignorable(chain(checked, (output) => send(by, name, roles, event as string, output)));
		}
	};
}

/** @throws {LiveError} INVALID_REQUEST for a role that there is not. */
function rolesOf({ roles }: GroupFacts, to: unknown): readonly string[] {
	const { role } = (typeof to === 'object' && to !== null ? to : {}) as Addressed;
	const named: unknown = role === undefined || role === null ? roles : role;
	const list: readonly unknown[] = Array.isArray(named) ? (named as unknown[]) : [named];
	for (const one of list) {
		if (roles.includes(one as string)) continue;
		const what = `There is no role "${String(one).slice(0, 64)}" here.`;
		throw new LiveError('INVALID_REQUEST', what);
	}
	return roles.filter((one) => list.includes(one));
}

/** Of what became of an event in several topics, what went least well. */
function worst(results: readonly PublishResult[]): PublishResult {
	return results.find(({ status }) => status !== 'ok') ?? results.at(-1) ?? NOBODY;
}

const NOBODY: PublishResult = { status: 'ok', level: 'local' };
