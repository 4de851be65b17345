/** What must compile, and what must not, in the browser. Checked by tsc; nothing here runs. */

import {
	combine,
	createClient,
	createHistory,
	empty,
	type Operation,
	type Seed,
	type StreamStore,
	type Stub
} from 'svelte-realtime/client';

interface Message {
	readonly id: number;
	readonly text: string;
}
type Rpc<Args extends unknown[], Result> = { '~live': { kind: 'rpc'; args: Args; result: Result } };
type Stream<Args extends unknown[], Value, Dynamic extends boolean> = {
	'~live': { kind: 'stream'; args: Args; value: Value; dynamic: Dynamic };
};

declare const event: { request: Request; url: URL; getClientAddress(): string; locals: object };
declare const send: Stub<Rpc<[text: string, urgent?: boolean], Message>>;
declare const messages: Stub<Stream<[], Message[], false>>;
declare const room: Stub<Stream<[name: string], Message[], true>>;
declare const page: Stub<Stream<[limit?: number], Message[], false>>;

export async function calls(): Promise<void> {
	const message: Message = await send('hello', true);
	// @ts-expect-error the text is missing
	await send();
	// @ts-expect-error a number is no text
	await send(1);
	// @ts-expect-error the result is a message
	const text: string = await send('hello');
	const patient: Message = await send.with({ timeout: 5000 })('hello');
	// @ts-expect-error the text is missing here as well
	await send.with({})();
	void [message, text, patient];
}

export async function streams(): Promise<void> {
	const store: StreamStore<Message[]> = messages;
	const current: Message[] | undefined = messages.current;
	const first: Message[] = await messages;
	messages.subscribe((value) => value?.[0]?.text);
	// @ts-expect-error the value is undefined until it is loaded
	messages.current.length;
	// @ts-expect-error a stream without arguments takes none
	messages('room');
	// @ts-expect-error readers do not write
	messages.current = [];

	const lobby: StreamStore<Message[]> = room('lobby');
	// @ts-expect-error which room?
	room();
	// @ts-expect-error which room?
	room.current;
	// @ts-expect-error a room is named by text
	room(1);

	const both: StreamStore<Message[]>[] = [page, page(10)];
	void [store, current, first, lobby, both];
}

export async function operations(): Promise<void> {
	const operation: Operation = messages.optimistic('created', { id: 1, text: 'x' });
	messages.optimistic('deleted', { id: 1 });
	room('lobby').optimistic('set', []);
	messages.optimistic('pinned', 'the data of an event of the app');
	// @ts-expect-error a message has a text
	messages.optimistic('created', { id: 1 });
	// @ts-expect-error the list is made of messages
	messages.optimistic('set', [1]);
	void send.with({ op: operation.id })('x');

	const sendNow = send.optimistic(messages, 'created', (text) => ({ id: 0, text }));
	const message: Message = await sendNow('hello', true);
	const same: Message = await send.optimistic(messages, 'created', message)('hello');
	// @ts-expect-error the text is missing
	await sendNow();
	// @ts-expect-error a message has an id
	send.optimistic(messages, 'created', (text) => ({ text }));
	// @ts-expect-error a call is no stream
	send.optimistic(send, 'created', message);

	const history = createHistory({ limit: 10 });
	const result: Message = await history.run(send, ['x', true], (sent, text) =>
		send(text + sent.id)
	);
	// @ts-expect-error the text is missing
	await history.run(send, [], () => send('x'));
	// @ts-expect-error the inverse is a call
	await history.run(send, ['x'], () => 1);
	void [operation, same, result];
}

export async function seeds(): Promise<void> {
	const seed: Seed<Message[]> = await messages.load(event);
	const hydrated: StreamStore<Message[]> = messages.hydrate(seed);
	const lobby: Seed<Message[]> = await room.load(event, 'lobby');
	// @ts-expect-error which room?
	await room.load(event);
	// @ts-expect-error the event of the load function is needed
	await messages.load();
	// @ts-expect-error the seed of another stream
	messages.hydrate({} as Seed<number>);
	void [hydrated, lobby];
}

export async function clients(): Promise<void> {
	const client = createClient({ url: 'ws://localhost/ws', timeout: 1000 });
	const call = client.call<Stub<Rpc<[number], string>>>('math/double');
	const result: string = await call(1);
	const anything: unknown = await client.call('math/double')(1, 'x');
	const [one, two]: [string, string] = await client.batch(() => [call(1), call(2)] as const);
	// @ts-expect-error a status is not assigned to
	client.connection.status = 'open';
	// @ts-expect-error milliseconds are a number
	createClient({ timeout: '30s' });
	// @ts-expect-error a function that nobody declared live has no stub
	(({}) as Stub<() => void>).call;
	void [result, anything, one, two];
}

export async function features(): Promise<void> {
	const isThere: boolean = messages.hasMore;
	const isMore: boolean = await messages.loadMore();
	const visible: StreamStore<Message[] | undefined> = messages.when(() => isThere).when(messages);
	// @ts-expect-error a number is no condition
	messages.when(1);
	for await (const list of room('lobby')) list[0]!.text;
	const either: StreamStore<Message[] | undefined> = isThere ? messages.when(true) : empty;
	const both = combine(messages, room('lobby'), (all, some) => (all?.length ?? 0) + some!.length);
	const count: number = both.current;
	both.subscribe((value) => value.toFixed());
	// @ts-expect-error of what?
	combine(() => 1);
	// @ts-expect-error the function comes last
	combine((all: unknown) => all, messages);
	void [isMore, visible, either, count];
}
