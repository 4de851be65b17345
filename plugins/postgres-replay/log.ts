/** `replay.log` in Postgres: each frame numbered and kept in one statement, and read where it is followed. */

import {
	isLiveError,
	type Clock,
	type OutboundFrame,
	type Position,
	type PublishResult
} from 'svelte-realtime/kernel';
import type { Link, PostgresBackend } from 'svelte-realtime/plugins/postgres';
import type { ReplayLog } from 'svelte-realtime/plugins/replay';
import { readFrame, TAB } from '../frame-text.ts';
import { Followed, type Snapshot } from '../log-followed.ts';
import { followedBy, readsOf, type FollowedTopic } from '../log-followers.ts';
import { PublishIds } from '../log-ids.ts';
import type { Numbered } from '../log-line.ts';
import { isContinued, readLineage } from '../log-lineage.ts';
import { createLogObservers } from '../log-observers.ts';
import { between } from '../log-range.ts';
import { Writer, type Outcome } from './writer.ts';

export interface PostgresLogOptions {
	readonly postgres: PostgresBackend;
	/** Hears which topics have new frames. */
	readonly link: Link;
	readonly clock: Clock;
	readonly instance: string;
	/** Frames kept of a topic. */
	readonly size: number;
	/** Bytes held of a topic on this instance. */
	readonly topicBytes: number;
	/** Milliseconds that a topic is followed on after its last follower has left. */
	readonly linger: number;
	/** Milliseconds for which a publish whose answer was lost is asked about again. */
	readonly retryFor: number;
	/** Milliseconds after which followed topics are looked at. */
	readonly check: number;
	deliver(frame: OutboundFrame): void;
	report(error: unknown): void;
}

export interface PostgresLog extends Required<ReplayLog> {
	close(): void;
}

interface Entry extends FollowedTopic {
	readonly followed: Followed;
}

/** Publishes of one topic that may wait. */
const WAITING = 1024;

/** A row of a topic and one of its frames. */
interface Row {
	readonly epoch: string;
	readonly seq: string;
	readonly lineage: string;
	readonly number: string | null;
	readonly id: string;
	readonly frame: string;
}

export function postgresLog(options: PostgresLogOptions): PostgresLog {
	const { postgres, link, clock, instance, size, topicBytes, report } = options;
	const { schema } = postgres;
	const topics = new Map<string, Entry>();
	const observers = createLogObservers();
	const ids = new PublishIds(instance);
	/** Names this log: without its tables it is another. */
	let name = instance;
	const unpublished = (): string => `~${name}`;
	/** Postgres does not serve: that is said once, by the backend. */
	const fault = (error: unknown): void => {
		if (!isLiveError(error) || error.code !== 'SERVICE_UNAVAILABLE') report(error);
	};

	async function readName(): Promise<void> {
		const sql = `select name from ${schema}.log`;
		const rows = await postgres.run('log', (query) => query<{ name: string }>(sql));
		name = rows[0]?.name ?? name;
	}

	async function readTopic(topic: string, after: number, latest: number): Promise<Snapshot> {
		// One statement sees one moment.
		const rows = await postgres.run('log', (query) =>
			query<Row>(
				`select t.epoch, t.seq, t.lineage, f.seq as number, f.id, f.frame
				from ${schema}.topics as t left join ${schema}.frames as f on f.topic = t.topic
					and f.seq > greatest($2, case when $3 > 0 then t.seq - $3 else 0 end)
					and f.seq <= t.seq
				where t.topic = $1 order by f.seq`,
				[topic, after, latest]
			)
		);
		const [first] = rows;
		if (first === undefined) await readName();
		return {
			head: first && { epoch: first.epoch, seq: Number(first.seq) },
			lineage: readLineage(first?.lineage ?? ''),
			frames: rows.filter(({ number }) => number !== null).map(frameOf)
		};
	}

	function deliver(topic: string, epoch: string, { id, seq, event, value, op }: Numbered): void {
		const origin = ids.originOf(id);
		options.deliver({ topic, event, value, seq, epoch, origin, op });
	}

	const writer = new Writer({
		clock,
		schema,
		size,
		waiting: WAITING,
		retryFor: options.retryFor,
		run: (work) => postgres.run('log', work),
		stored(topic, broadcast) {
			const entry = topics.get(topic);
			if (entry) return entry.followed.receive(broadcast);
			// Nobody here follows it; observers are told of what happens on this instance all the same.
			for (const frame of broadcast.frames) deliver(topic, broadcast.epoch, frame);
		}
	});

	const catchUp = ({ followed }: Entry): void => void followed.catchUp().catch(fault);
	function catchUpAll(): void {
		for (const entry of topics.values()) catchUp(entry);
	}

	link.listen(`${postgres.prefix}frames`, (topic) => {
		if (topic === '') return catchUpAll();
		const entry = topics.get(topic);
		if (entry) catchUp(entry);
	});
	const forget = link.onUp(catchUpAll);

	/** Notices get lost with a connection that is lost unseen: quiet topics are looked at from time to time. */
	async function check(): Promise<void> {
		if (topics.size === 0) return observers.checked(0, 0);
		await readName();
		const heads = await postgres.run('log', (query) =>
			query<{ topic: string; epoch: string; seq: string }>(
				`select topic, epoch, seq from ${schema}.topics where topic = any($1)`,
				[[...topics.keys()]]
			)
		);
		const byTopic = new Map(
			heads.map(({ topic, epoch, seq }) => [topic, { epoch, seq: Number(seq) }])
		);
		let behind = 0;
		for (const [topic, entry] of topics) {
			const head = byTopic.get(topic);
			behind = Math.max(behind, entry.followed.behind(head));
			if (entry.followed.differs(head)) catchUp(entry);
		}
		observers.checked(topics.size, behind);
	}
	const cancelCheck = clock.every(options.check, () => void check().catch(fault));

	function open(topic: string): Entry {
		const existing = topics.get(topic);
		if (existing) return existing;
		const followed = new Followed({
			size,
			bytes: topicBytes,
			hold: 1024,
			unpublished,
			read: (after, latest) => readTopic(topic, after, latest),
			deliver: (epoch, frame) => deliver(topic, epoch, frame),
			gap: observers.gap,
			begun: () => observers.begun(topic),
			report: fault
		});
		// While Postgres is down a topic is followed from nowhere; what it comes back with is new to all.
		const ready = followed.catchUp().catch(fault);
		const entry: Entry = { followed, ready, followers: 0, cancelEnd: undefined };
		topics.set(topic, entry);
		return entry;
	}

	async function send(...[topic, frame]: Parameters<Writer['publish']>): Promise<Outcome> {
		const begun = clock.now();
		const outcome = await writer.publish(topic, frame);
		observers.appended(clock.now() - begun, outcome.status === 'stored');
		return outcome;
	}

	return {
		observe: observers.observe,
		onBegun: observers.onBegun,

		async append(topic, event, value, op): Promise<Position> {
			const outcome = await send(topic, { id: ids.next(), event, value, op });
			if (outcome.status === 'stored') return { epoch: outcome.epoch, seq: outcome.seq };
			throw 'error' in outcome ? outcome.error : new Error(`It is ${outcome.status}.`);
		},

		async publish(topic, event, value, op, given): Promise<PublishResult> {
			const id = ids.next(given);
			const isGiven = given !== undefined;
			const outcome = await send(topic, { id, event, value, op, isGiven });
			if (outcome.status === 'stored') {
				const { epoch, seq } = outcome;
				return { status: 'ok', level: 'commit', position: { epoch, seq } };
			}
			if (outcome.status === 'unknown') return { status: 'unknown', id };
			if (outcome.status === 'full') return { status: 'rejected', code: 'QUEUE_FULL' };
			if ('error' in outcome) fault(outcome.error);
			return { status: 'rejected', code: 'SERVICE_UNAVAILABLE' };
		},

		follow(topic) {
			const entry = open(topic);
			const { linger } = options;
			const end = (): void => void topics.delete(topic);
			return followedBy(entry, readsOf(entry.followed), { clock, linger, end });
		},

		async range(topic, since) {
			const { head, lineage, frames } = await readTopic(topic, since.seq, 0);
			const now = head ?? { epoch: unpublished(), seq: 0 };
			return between(since, now, isContinued(lineage, since), frames, size);
		},

		close() {
			writer.close();
			forget();
			cancelCheck();
			for (const { cancelEnd } of topics.values()) cancelEnd?.();
		}
	};
}

function frameOf({ number, id, frame }: Row): Numbered {
	const [about, json] = frame.split(TAB);
	return { seq: Number(number), id, ...readFrame(about, json) };
}
