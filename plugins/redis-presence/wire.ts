/** Members as texts in Redis, and what is told of a topic. */

import type { EncodedValue, ValueCodec } from 'svelte-realtime/kernel';
import type { Diff, Member, Roster } from 'svelte-realtime/plugins/presence';

/** A change of a topic as it was broadcast; without a diff it says only where the topic stands. */
export interface Told {
	readonly epoch: string;
	readonly seq: number;
	readonly diff: Diff | undefined;
}

/** The text of a member: how its value is written, then the value. */
export function writeMember(member: Member, { encode }: ValueCodec): string {
	const { json, devalue } = encode(member, `the member "${member.key}"`);
	return `${devalue ? 1 : 0}${json}`;
}

/** @throws {Error} for what is none. */
export function readMember(text: string, { read }: ValueCodec): Member {
	const value: EncodedValue = { json: text.slice(1), devalue: text.startsWith('1') };
	const member = read(value) as Partial<Member> | null;
	if (typeof member?.key !== 'string') throw notOurs();
	return member as Member;
}

/** @throws {Error} for what is none. */
export function readTold(message: string, values: ValueCodec): Told {
	const [about, ...lines] = message.split('\n');
	const [epoch, number] = about!.split('\t');
	const seq = Number(number);
	if (number === undefined || !Number.isSafeInteger(seq)) throw notOurs();
	if (lines.length === 0) return { epoch: epoch!, seq, diff: undefined };
	const diff = { joins: [] as Member[], updates: [] as Member[], leaves: [] as string[] };
	for (const line of lines) {
		const text = line.slice(1);
		if (line.startsWith('j')) diff.joins.push(readMember(text, values));
		else if (line.startsWith('u')) diff.updates.push(readMember(text, values));
		else if (line.startsWith('l')) diff.leaves.push(JSON.parse(text) as string);
		else throw notOurs();
	}
	return { epoch: epoch!, seq, diff };
}

/** What the script `read` answers. @throws {Error} for what is none. */
export function readRoster(answer: unknown, values: ValueCodec): Roster {
	const [epoch, seq, holders, data] = answer as [string, string, string[], string[]];
	const texts = new Map(pairs(data));
	const members: { number: number; text: string }[] = [];
	for (const [key, list] of pairs(holders)) {
		const [number, ...leases] = list.split(' ');
		const text = texts.get(`${leases.at(-1)!} ${key}`);
		// Redis has evicted one of two; it shows again when it is put again.
		if (text !== undefined) members.push({ number: Number(number), text });
	}
	members.sort((one, other) => one.number - other.number);
	return {
		epoch,
		seq: Number(seq),
		members: members.map(({ text }) => readMember(text, values))
	};
}

function* pairs(flat: readonly string[]): Generator<[string, string]> {
	for (let at = 0; at < flat.length; at += 2) yield [flat[at]!, flat[at + 1]!];
}

function notOurs(): Error {
	return new Error('The text was not written by this plugin.');
}
