/**
 * What must be true of every history, whatever has failed meanwhile: one order on all instances; what
 * was acknowledged is there; what was refused is not; each client goes on without a hole, or loads
 * again.
 */

/** A publish as its publisher knows it. */
export interface PublishRecord {
	readonly topic: string;
	/** What was published: each is published once. */
	readonly id: string;
	readonly status: 'ok' | 'rejected' | 'unknown' | 'pending';
	readonly level?: string | undefined;
	readonly epoch?: string | undefined;
	readonly seq?: number | undefined;
}

/** A frame as an instance delivered it; seq 0 = it is not in the store. */
export interface DeliveryRecord {
	readonly topic: string;
	readonly id: string;
	readonly epoch: string;
	readonly seq: number;
}

/** What happened to one stream of a client, in order. */
export type ClientRecord =
	| { readonly type: 'snapshot'; readonly epoch: string; readonly seq: number }
	/** An event that was applied. */
	| { readonly type: 'event'; readonly id: string };

export interface ClientHistory {
	readonly name: string;
	readonly topic: string;
	readonly records: readonly ClientRecord[];
	/** What it shows at the end. */
	readonly value: readonly string[];
}

export interface History {
	readonly published: readonly PublishRecord[];
	/** By instance. */
	readonly delivered: ReadonlyMap<string, readonly DeliveryRecord[]>;
	readonly clients: readonly ClientHistory[];
	/** What the store has at the end, by topic. */
	readonly log: ReadonlyMap<string, readonly DeliveryRecord[]>;
	/** What loaders read at the end, by topic. */
	readonly rows: ReadonlyMap<string, readonly string[]>;
}

export interface Allowances {
	/** The store has lost what it had acknowledged. */
	readonly losesWrites?: boolean;
	/** Frames have gone from the log. */
	readonly truncates?: boolean;
}

/** @returns what is wrong, each in one sentence; none = nothing is. */
export function judge(history: History, allowed: Allowances = {}): readonly string[] {
	const wrong = new Set<string>();
	const numbers = judgeOrder(history, wrong);
	judgeInstances(history, allowed, wrong);
	judgeResults(history, allowed, wrong);
	for (const client of history.clients) judgeClient(client, history, numbers, wrong);
	return [...wrong];
}

type Numbers = ReadonlyMap<string, ReadonlySet<number>>;

/** A place in the log is that of one publish, whoever tells of it. Returns the numbers of each publish. */
function judgeOrder({ published, delivered, log }: History, wrong: Set<string>): Numbers {
	const places = new Map<string, string>();
	const numbers = new Map<string, Set<number>>();
	const known = new Map(published.map((record) => [record.id, record]));
	const tell = (who: string, { topic, id, epoch, seq }: DeliveryRecord): void => {
		if (seq === 0) return;
		if (known.get(id)?.topic !== topic) wrong.add(`${who} has ${id} in ${topic}, unpublished`);
		const place = `${topic} ${epoch} ${seq}`;
		const there = places.get(place);
		if (there !== undefined && there !== id)
			wrong.add(`${place} is ${there}, and ${id} for ${who}`);
		places.set(place, id);
		numbers.set(id, (numbers.get(id) ?? new Set()).add(seq));
	};
	for (const { topic, id, epoch, seq } of published) {
		if (seq !== undefined) tell('its publisher', { topic, id, epoch: epoch!, seq });
	}
	for (const [instance, frames] of delivered) for (const frame of frames) tell(instance, frame);
	for (const frames of log.values()) for (const frame of frames) tell('the log', frame);
	return numbers;
}

function judgeInstances({ delivered }: History, allowed: Allowances, wrong: Set<string>): void {
	for (const [instance, frames] of delivered) {
		const seen = new Set<string>();
		const last = new Map<string, DeliveryRecord>();
		for (const frame of frames) {
			const { topic, id, epoch, seq } = frame;
			if (seen.has(`${topic} ${id}`)) wrong.add(`${instance} delivers ${id} twice`);
			seen.add(`${topic} ${id}`);
			if (seq === 0) continue;
			const before = last.get(topic);
			last.set(topic, frame);
			if (before?.epoch !== epoch || seq === before.seq + 1) continue;
			if (seq <= before.seq) wrong.add(`${instance} delivers ${topic} ${seq} after ${before.seq}`);
			else if (!allowed.truncates) {
				wrong.add(`${instance} goes from ${topic} ${before.seq} to ${seq} in one epoch`);
			}
		}
	}
}

function judgeResults(history: History, allowed: Allowances, wrong: Set<string>): void {
	const { published, delivered, log, rows } = history;
	const stored = new Map<string, number>();
	for (const frames of log.values()) {
		for (const { id } of frames) stored.set(id, (stored.get(id) ?? 0) + 1);
	}
	for (const [id, count] of stored) if (count > 1) wrong.add(`the log has ${id} ${count} times`);
	const anywhere = new Set([...delivered.values()].flat().map(({ id }) => id));
	const isPartial = allowed.losesWrites || allowed.truncates;
	for (const { topic, id, status, level } of published) {
		if (status === 'ok' && level === 'store' && !isPartial && !stored.has(id)) {
			wrong.add(`${id} was acknowledged, and is not in the log`);
		}
		if (status === 'rejected' && (stored.has(id) || anywhere.has(id))) {
			wrong.add(`${id} was refused, and happened`);
		}
		if (status === 'ok' && !rows.get(topic)!.includes(id)) wrong.add(`${id} has no row`);
	}
}

function judgeClient(
	client: ClientHistory,
	{ published, rows }: History,
	numbers: Numbers,
	wrong: Set<string>
): void {
	const { name, topic, records, value } = client;
	const heard = new Set<string>();
	let at: { epoch: string; seq: number } | undefined;
	/** It has applied what the store does not have, and has to load again. */
	let owes = '';
	for (const record of records) {
		if (record.type === 'snapshot') {
			// One that was overtaken on its way is not applied.
			if (at?.epoch === record.epoch && at.seq > record.seq) continue;
			at = { epoch: record.epoch, seq: record.seq };
			owes = '';
			continue;
		}
		const { id } = record;
		if (heard.has(id)) wrong.add(`${name} hears ${id} twice`);
		heard.add(id);
		const numbered = numbers.get(id);
		if (numbered === undefined) owes = id;
		else if (at === undefined) wrong.add(`${name} hears ${id} before it has loaded`);
		else if (numbered.has(at.seq + 1)) at.seq += 1;
		else {
			wrong.add(`${name} hears ${id} (${[...numbered].join()}) after ${topic} ${at.seq}`);
			at.seq = Math.max(...numbered);
		}
	}
	if (owes !== '') wrong.add(`${name} has ${owes}, which the store has not, and never loads again`);
	// Of what was refused a loader may have read the row before it was taken back; and whose process has
	// ended between the row and the publish, of that there is a row, and nobody was told.
	const isUntold = ({ id, status }: PublishRecord): boolean =>
		status === 'rejected' || (status === 'pending' && !numbers.has(id));
	const untold = new Set(published.filter(isUntold).map(({ id }) => id));
	const [shown, expected] = [value, rows.get(topic)!].map((ids) =>
		ids.filter((id) => !untold.has(id))
	) as [string[], string[]];
	if (new Set(shown).size !== shown.length) wrong.add(`${name} shows something twice`);
	const missing = expected.filter((id) => !shown.includes(id));
	const surplus = shown.filter((id) => !expected.includes(id));
	if (missing.length > 0) wrong.add(`${name} lacks ${missing.join()}`);
	if (surplus.length > 0) wrong.add(`${name} shows ${surplus.join()}, which is not there`);
}
