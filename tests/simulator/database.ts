/** The app's own store, which survives every restart, and what a reader may have seen of it. */

import type { Random } from './random.ts';

export interface Operation {
	/** Counted up per table, from 1. */
	readonly n: number;
	readonly event: string;
	readonly data: unknown;
}

/** How a table changes, as the streams over it declare it. */
export interface TableOptions {
	readonly kind: 'crud' | 'latest' | 'set';
	readonly prepend: boolean;
	/** Items that a reader sees; 0 = all. */
	readonly max: number;
}

interface Row {
	readonly id: string;
	readonly n: number;
	readonly at?: Date;
}

export class Table {
	readonly topic: string;
	readonly options: TableOptions;
	/** What a loader returns. Replaced at each operation, never changed. */
	value: unknown;
	readonly operations: Operation[] = [];
	/** Text of a value → the numbers of operations after which the table read like that. */
	readonly #states: Map<string, number[]> = new Map();

	constructor(topic: string, options: TableOptions) {
		this.topic = topic;
		this.options = options;
		this.value =
			options.kind === 'set' ? { n: 0 } : options.kind === 'crud' ? [{ id: 'first', n: 0 }] : [];
		this.#states.set(JSON.stringify(this.value), [0]);
	}

	/** Changes the table by one operation. A key is used once: a new row is a new key. */
	commit(random: Random): Operation {
		const n = this.operations.length + 1;
		const operation = this.#operation(n, random);
		this.operations.push(operation);
		const text = JSON.stringify(this.value);
		const known = this.#states.get(text);
		if (known) known.push(n);
		else this.#states.set(text, [n]);
		return operation;
	}

	/** The first number of operations from `least` on after which the table read like `value`. */
	find(value: unknown, least: number): number | undefined {
		return this.#states.get(JSON.stringify(value))?.find((n) => n >= least);
	}

	#operation(n: number, random: Random): Operation {
		const { kind, prepend, max } = this.options;
		if (kind === 'set') {
			this.value = { n };
			return { n, event: 'set', data: this.value };
		}
		const rows = this.value as readonly Row[];
		const row: Row = { id: `${this.topic}-${n}`, n, ...(n % 7 === 0 && { at: new Date(n) }) };
		if (kind === 'latest') {
			const all = prepend ? [row, ...rows] : [...rows, row];
			this.value = max === 0 ? all : prepend ? all.slice(0, max) : all.slice(-max);
			return { n, event: 'created', data: row };
		}
		const known = rows.length > 0 ? random.pick(rows) : undefined;
		const dice = random.next();
		if (known === undefined || dice < 0.4) {
			this.value = prepend ? [row, ...rows] : [...rows, row];
			return { n, event: 'created', data: row };
		}
		if (dice < 0.75) {
			const updated = { ...row, id: known.id };
			this.value = rows.map((other) => (other.id === known.id ? updated : other));
			return { n, event: 'updated', data: updated };
		}
		this.value = rows.filter((other) => other.id !== known.id);
		return { n, event: 'deleted', data: { id: known.id } };
	}
}

export class Database {
	readonly tables: Map<string, Table> = new Map();
	/** Calls that were executed, all in all. */
	writes: number = 0;
	/** The argument of each call → how often it was executed. */
	readonly executions: Map<string, number> = new Map();

	/** The table behind a topic. */
	table(topic: string): Table {
		let table = this.tables.get(topic);
		if (table === undefined) {
			table = new Table(topic, optionsOf(topic));
			this.tables.set(topic, table);
		}
		return table;
	}

	execute(argument: string): void {
		this.writes += 1;
		this.executions.set(argument, (this.executions.get(argument) ?? 0) + 1);
	}
}

/** Topics by their first word; what streams declare in `live-module.ts` says the same. */
function optionsOf(topic: string): TableOptions {
	if (topic === 'feed') return { kind: 'latest', prepend: false, max: 5 };
	if (topic === 'news') return { kind: 'latest', prepend: true, max: 4 };
	if (topic === 'value' || topic.startsWith('pointer:')) {
		return { kind: 'set', prepend: false, max: 0 };
	}
	if (topic === 'tail') return { kind: 'latest', prepend: false, max: 0 };
	return { kind: 'crud', prepend: topic.startsWith('room:'), max: 0 };
}
