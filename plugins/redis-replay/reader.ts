/** Reads topics in the store. */

import { randomId, type Position } from 'svelte-realtime/kernel';
import type { RedisBackend } from 'svelte-realtime/plugins/redis';
import type { Snapshot } from '../log-followed.ts';
import { readLine, type Numbered } from '../log-line.ts';
import { readLineage } from '../log-lineage.ts';
import { pipelined } from '../redis-pipeline.ts';
import type { TopicKeys } from './keys.ts';
import { read } from './scripts.ts';

/** Topics that one round trip asks about. */
const CHUNK = 1000;

export interface ReaderOptions {
	readonly redis: RedisBackend;
	keysOf(topic: string): TopicKeys;
	renewal(): string;
	report(error: unknown): void;
}

export interface Reader {
	/** The frames of a topic after a number, or so many of the latest. */
	read(topic: string, after: number, latest: number): Promise<Snapshot>;
	/** Where topics stand, in their order; undefined where nobody has published, null where it is not said. */
	heads(topics: readonly string[]): Promise<readonly (Position | undefined | null)[]>;
}

export function createReader({ redis, keysOf, renewal, report }: ReaderOptions): Reader {
	/** What is no frame of ours is left out: the hole that it leaves is seen. */
	function linesOf(topic: string, lines: readonly string[]): Numbered[] {
		const frames: Numbered[] = [];
		for (const line of lines) {
			try {
				frames.push(readLine(line));
			} catch (error) {
				report(
					new Error(`The log of the topic ${topic} has something else in it.`, { cause: error })
				);
			}
		}
		return frames;
	}

	return {
		async read(topic, after, latest) {
			const { meta, log, channel } = keysOf(topic);
			const answer = await redis.run('log', (client) => {
				const run = redis.commands.run;
				const args = [redis.broadcast, channel, run, renewal(), randomId(), after, latest];
				return read(client, [meta, log], args);
			});
			const [epoch, seq, lineage, lines] = answer as [string, number, string, string[]];
			return {
				head: epoch === '' ? undefined : { epoch, seq },
				lineage: readLineage(lineage),
				frames: linesOf(topic, lines)
			};
		},

		async heads(topics) {
			const heads: (Position | undefined | null)[] = [];
			let failed: Error | null = null;
			for (let from = 0; from < topics.length; from += CHUNK) {
				const part = topics.slice(from, from + CHUNK);
				const commands = part.map((topic) => ['hmget', keysOf(topic).meta, 'e', 's'] as const);
				const answers = await redis.run('log', (client) => pipelined(client, commands));
				for (const [error, at] of answers) {
					failed ??= error;
					if (error) heads.push(null);
					else heads.push(headOf(at as [string | null, string | null]));
				}
			}
			// One key in the way is one message, and so are a thousand.
			if (failed) report(failed);
			return heads;
		}
	};
}

function headOf([epoch, seq]: [string | null, string | null]): Position | undefined {
	return epoch === null ? undefined : { epoch, seq: Number(seq) };
}
