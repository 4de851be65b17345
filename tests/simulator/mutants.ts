/** Faults to plant in the product, each of which the simulator has to find. */

import type { Fault } from './bundle.mjs';

export interface Mutant extends Fault {
	/** What the fault is. */
	readonly name: string;
	/** Seeds in which it has to be found. */
	readonly within: number;
}

const FOLLOWER = 'plugins/streams/follower.ts';
const FOLLOW = 'plugins/streams/follow.ts';
const STREAMS = 'plugins/streams/index.ts';
const LOG = 'plugins/replay/memory.ts';

export const MUTANTS: readonly Mutant[] = [
	// --- the client ---
	{
		name: 'the client does not check for a gap',
		file: FOLLOWER,
		find: "if (!isSameEpoch || seq > position.seq + 1 || !('event' in frame)) {",
		replace: "if (!isSameEpoch || !('event' in frame)) {",
		within: 1000
	},
	{
		name: 'the client sees a gap and does not ask',
		file: FOLLOWER,
		find: '					ask();\n					return notify();',
		replace: '					return notify();',
		within: 300
	},
	{
		name: 'the client applies older frames',
		file: FOLLOWER,
		find: 'if (isSameEpoch && seq <= position.seq) return;',
		replace: 'if (isSameEpoch && seq <= position.seq) return applyOne(frame as never);',
		within: 300
	},
	{
		name: 'the client keeps its position after a reset',
		file: FOLLOWER,
		find: '			position = { epoch, seq: Math.max(at, seq) };',
		replace: '			position ??= { epoch, seq: Math.max(at, seq) };',
		within: 300
	},
	{
		name: 'the client does not apply the events of an answer',
		file: FOLLOWER,
		find: 'for (const event of events) {',
		replace: 'for (const event of [] as typeof events) {',
		within: 300
	},
	{
		name: 'the client does not end the stream that it has asked for anew',
		file: FOLLOWER,
		find: 'if (previous) tell(previous);',
		replace: '',
		within: 1000
	},
	{
		name: 'the client takes an older seed for a newer one',
		file: FOLLOWER,
		find: 'if (list && !isAhead(seed.position, position)) return;',
		replace: '',
		within: 1000
	},
	{
		name: 'an older answer is shown over a newer seed',
		file: FOLLOWER,
		find: 'if (isAhead(position, { epoch, seq: events.at(-1)?.seq ?? seq })) return;',
		replace: '',
		within: 1000
	},
	{
		name: 'the client hears a connection that it has left',
		file: 'kernel/client/connection.ts',
		find: '				if (mine !== current) return;\n				heartbeat',
		replace: '				heartbeat',
		within: 2000
	},

	{
		name: 'the client asks for a call again under another id',
		file: 'plugins/rpc/client.ts',
		find: "if (session) kernel.send({ frame: { type: 'rpc:session', session } });",
		replace:
			'for (const call of [...running.values()]) if (call.sent) {\nrunning.set((call.id = kernel.nextId()), call);\ncall.text = call.text!.replace(/"id":\\d+/, `"id":${call.id}`);\n}\nif (session) kernel.send({ frame: { type: \'rpc:session\', session } });',
		within: 300
	},
	{
		name: 'the client does not ask again for what was not answered',
		file: 'plugins/rpc/client.ts',
		find: '			kernel.recall(call);\n			kernel.send(call);',
		replace: '			if (call.sent) continue;\n			kernel.recall(call);\n			kernel.send(call);',
		within: 1000
	},

	// --- calls on the server ---
	{
		name: 'a call that comes again is run again',
		file: 'plugins/rpc/serve.ts',
		find: 'if (!isRepeated(caller, id)) take',
		replace: 'isRepeated(caller, id); take',
		within: 300
	},
	{
		name: 'a call that still runs is run a second time when it comes again',
		file: 'plugins/rpc/serve.ts',
		find: 'else return running.has(id);',
		replace: 'else return false;',
		within: 1000
	},
	{
		name: 'a new server runs what the one before may have run',
		file: 'plugins/rpc/sessions.ts',
		find: 'if (instance !== instanceId) return { instance };',
		replace: "if (instance !== instanceId) return 'here';",
		within: 1000
	},

	// --- streams on the server ---
	{
		name: 'a snapshot comes without the events since its position',
		file: 'plugins/streams/load.ts',
		find: 'const events = position ? tail!.since(position) : [];',
		replace: 'const events: readonly LogEntry[] = [];',
		within: 300
	},
	{
		name: 'the position of a snapshot is read after the loader',
		file: 'plugins/streams/load.ts',
		find: "if (typeof events !== 'string') return handOver(value, position, events);",
		replace: 'return handOver(value, tail?.head(), []);',
		within: 300
	},
	{
		name: 'the socket subscribes later than its snapshot was made',
		file: FOLLOW,
		find: 'await load(from, tail, (loaded) => {',
		replace:
			'await load(from, tail, async (loaded) => {\nawait new Promise<void>((go) => void kernel.clock.after(1, go));',
		within: 1000
	},
	{
		name: 'an answer leaves its last event out',
		file: 'plugins/streams/answers.ts',
		find: 'const texts = entries.map(',
		replace: 'const texts = entries.slice(0, -1).map(',
		within: 300
	},
	{
		name: 'nobody is told where a topic stands',
		file: 'plugins/streams/heads.ts',
		find: 'if (heads === undefined) return;',
		replace: 'if (heads !== null) return;',
		within: 1000
	},
	{
		name: 'a stream that is left is followed on in the log',
		file: FOLLOW,
		find: '		this.subscription?.leave();\n		this.tail?.close();',
		replace: '		this.subscription?.leave();',
		within: 100
	},
	{
		name: 'a connection that ends leaves its streams behind',
		file: STREAMS,
		find: 'for (const follower of following.clear(connection)) follower.leave(kernel);',
		replace: '',
		within: 100
	},

	// --- the kernel ---
	{
		name: 'nobody is unsubscribed',
		file: 'kernel/subscriptions.ts',
		find: 'connection.unfollow(name);',
		replace: '',
		within: 100
	},
	{
		name: 'the first of two streams to leave a topic takes the other one along',
		file: 'kernel/subscriptions.ts',
		find: 'if (isEntered) return;',
		replace: '',
		within: 1000
	},
	{
		name: 'a subscription that was left can still be entered',
		file: 'kernel/wish.ts',
		find: "if (this.#state !== 'granted') return this.#state === 'entered';",
		replace: '',
		within: 1000
	},

	// --- the log ---
	{
		name: 'the log ignores the epoch',
		file: LOG,
		find: 'if (position.epoch !== now.epoch || position.seq > now.seq)',
		replace: 'if (position.seq > now.seq)',
		within: 1000
	},
	{
		name: 'the log answers with a part of what is missing',
		file: LOG,
		find: "if (missing > kept) return 'truncated';",
		replace: '',
		within: 1000
	},
	{
		name: 'the log begins one frame too late',
		file: LOG,
		find: 'slice(log.entries.length - missing)',
		replace: 'slice(log.entries.length - missing + 1)',
		within: 300
	},
	{
		name: 'the log loses a frame now and then',
		file: LOG,
		find: 'log.entries.push({ seq: log.head.seq, event, value, op, bytes });',
		replace:
			'if (log.head.seq % 5 > 0) log.entries.push({ seq: log.head.seq, event, value, op, bytes });',
		within: 1000
	},
	{
		name: 'a topic that was forgotten begins anew in the same epoch',
		file: LOG,
		find: '		epoch = `${instance}.${(forgotten += 1).toString(36)}`;',
		replace: '',
		within: 3000
	}
];
