/** What `$live` is to a page, kind by kind. Compiled by the tests; nothing here runs. */

import * as again from '$live/again';
import * as places from '$live/area/places';
import * as calls from '$live/calls';
import * as composed from '$live/composed';
import * as files from '$live/files';
import * as reactions from '$live/reactions';
import * as streams from '$live/streams';
import type { Message } from './live/calls.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function claim<T extends true>(): T | undefined {
	return undefined;
}
/** What a call takes, and what it gives. */
type Takes<F extends (...args: never[]) => unknown, Args> = Equal<Parameters<F>, Args>;
type Gives<F extends (...args: never[]) => unknown, Result> = Equal<ReturnType<F>, Promise<Result>>;
/** What a stream holds. */
type Holds<S extends { readonly current: unknown }, Value> = Equal<S['current'], Value | undefined>;

declare const event: Parameters<typeof streams.messages.load>[0];

export function calling(): void {
	claim<Takes<typeof calls.send, [text: string, loud?: boolean | undefined]>>();
	claim<Gives<typeof calls.send, Message>>();
	claim<Takes<typeof calls.nothing, []>>();
	claim<Gives<typeof calls.nothing, void>>();
	claim<Takes<typeof calls.sync, [a: number, b: number]>>();
	claim<Gives<typeof calls.sync, number>>();
	claim<Gives<typeof calls.literal, { size: 's' | 'm'; tag: 'x' }>>();
	claim<Gives<typeof calls.tuple, [number, string]>>();
	claim<Takes<typeof calls.rest, [first: string, ...more: number[]]>>();
	claim<Takes<typeof calls.optional, [by?: number | undefined]>>();
	claim<Gives<typeof calls.dated, { at: Date; tags: Set<string>; map: Map<any, any> }>>();
	claim<Gives<typeof calls.maybe, Message | null>>();
	claim<Gives<typeof calls.union, 'a' | 'b'>>();
	claim<Takes<typeof calls.generic, [table: 'a' | 'b']>>();
	claim<Takes<typeof calls.checked, [input: { title: string; at: string }]>>();
	claim<Gives<typeof calls.checked, string>>();
	claim<Takes<typeof calls.checkedMore, [input: { title: string; at: string }, more: boolean]>>();
	claim<Takes<typeof calls.delete, [id: number]>>();
	claim<Takes<typeof again.sendAgain, [text: string, loud?: boolean | undefined]>>();
	claim<Takes<typeof again.remove, [id: number]>>();
	claim<Takes<typeof again.shout, [text: string]>>();
	claim<Gives<typeof again.shout, string>>();

	void calls.send.with({ timeout: 1 })('a').then((message) => message.text);
	// @ts-expect-error a number is no text
	void calls.send(1);
	// @ts-expect-error the text is missing
	void calls.send();
	// @ts-expect-error ctx is the server's
	void calls.send({}, 'a');
	// @ts-expect-error there is no third argument
	void calls.send('a', true, 1);
	// @ts-expect-error one of two
	void calls.literal('l');
	// @ts-expect-error there is no such table
	void calls.generic('c');
	// @ts-expect-error a client sends what goes into the schema
	void calls.checked({ title: 'a', at: 1 });
	// @ts-expect-error what a call gives has to be waited for
	calls.send('a').text;
	// @ts-expect-error a call is no stream
	calls.send.subscribe(() => {});
	// @ts-expect-error a value that is not live is not there
	calls.notLive;
	// @ts-expect-error nor is a function
	calls.helper();
	// @ts-expect-error nor is a whole module
	again.nothing;
	// @ts-expect-error nobody can change it
	calls.send = calls.send;
}

export function following(): void {
	claim<Holds<typeof streams.messages, Message[]>>();
	claim<Holds<typeof streams.count, number>>();
	claim<Holds<typeof streams.settings, { dark: boolean; size: 's' | 'm' }>>();
	claim<Holds<typeof streams.latest, { id: number; level: number }[]>>();
	claim<Holds<typeof streams.keyed, { name: string }[]>>();
	claim<Holds<ReturnType<typeof streams.one>, { id: string; size: number }[]>>();
	claim<Takes<typeof streams.one, [id: string]>>();
	claim<Takes<typeof streams.two, [id: string, page?: number | undefined]>>();
	claim<Holds<ReturnType<typeof streams.mine>, Message[]>>();
	claim<Holds<typeof streams.paged, { id: number; text: string }[]>>();
	claim<Holds<typeof streams.versioned, Message[]>>();
	claim<Holds<typeof streams.limited, Message[]>>();
	claim<Takes<typeof streams.gated, [id: string]>>();
	claim<Takes<typeof streams.both, [id: number]>>();
	claim<Holds<typeof again.feed, Message[]>>();
	claim<Holds<typeof again.ticks, number>>();
	void streams.messages.load(event).then((seed) => streams.messages.hydrate(seed).current?.[0]?.id);
	void streams.one.load(event, 'a');
	const logged: readonly Message[] | undefined = streams.logged.current;
	void logged;

	// @ts-expect-error it depends on an argument
	streams.one.current;
	// @ts-expect-error an id is a text
	streams.one(1);
	// @ts-expect-error to load it takes the argument too
	void streams.one.load(event);
	// @ts-expect-error this one has no arguments
	streams.messages('a');
	// @ts-expect-error a stream is not set
	streams.count.set(1);
	// @ts-expect-error items have no such field
	streams.messages.current?.[0]?.author;
	// @ts-expect-error it is undefined until it is loaded
	streams.messages.current.length;
}

export function meeting(): void {
	const { board, yard, bare, game, channels, team, everybody } = places;
	const name: string | undefined = places.named.current?.[0]?.data.name;
	const at: number | undefined = places.present('a').current?.[0]?.data.at;
	const x: number | undefined = places.typed.current?.[0]?.data.x;
	const y: number | undefined = places.pointing('a').current?.[0]?.data.y;
	void [name, at, x, y, places.lobby.me];
	places.pointers.move({ any: 'JSON' });
	places.typed.move({ x: 1, y: '1' });
	claim<Takes<typeof board.data, [name: string]>>();
	claim<Takes<typeof board.add, [name: string, text: string]>>();
	claim<Gives<typeof board.add, { id: string; text: string }>>();
	claim<Holds<typeof yard.data, number>>();
	claim<Gives<typeof bare.wave, string>>();
	game.on('move', ({ y }) => y.toFixed());
	void game.publish('over');
	void channels('a').publish('say', 'hi');
	places.quiet.on('tick', (tick) => tick.toFixed());
	const role: 'admin' | 'member' | undefined = team('mine').role;
	const title: string | undefined = team('mine').meta?.title;
	void [role, title, everybody.members];

	// @ts-expect-error typing is true or false
	void places.named.update({ typing: 'yes' });
	// @ts-expect-error which board?
	void places.present.current;
	// @ts-expect-error where to?
	places.typed.move({});
	// @ts-expect-error a client sends what goes into the schema
	places.pointing('a').move({ x: 1, y: 1 });
	// @ts-expect-error this room has no presence
	yard.presence;
	// @ts-expect-error there is no such action
	void board.remove('a');
	// @ts-expect-error the text is missing
	void board.add('a');
	// @ts-expect-error there is no such event
	game.on('jump', () => {});
	// @ts-expect-error clients do not say it
	void game.publish('say', 'hi');
	// @ts-expect-error which table?
	void channels.publish('say', 'hi');
	// @ts-expect-error there is no such role
	team('mine').role === 'king';
}

export function reacting(): void {
	claim<Holds<typeof reactions.total, { sum: number }>>();
	claim<Holds<typeof reactions.debounced, string>>();
	claim<Takes<typeof reactions.perTeam, [id: string]>>();
	claim<Holds<ReturnType<typeof reactions.perTeam>, number>>();
	claim<Holds<typeof reactions.perUser, string>>();
	claim<Holds<typeof reactions.several, number[]>>();
	const sum: number | undefined = reactions.sales.current?.sum;
	const counted: number | undefined = reactions.guarded.current?.count;
	void [sum, counted];

	// @ts-expect-error the server alone runs it
	reactions.nightly;
	// @ts-expect-error that too
	reactions.ticking;
	// @ts-expect-error that too
	reactions.hourly;
	// @ts-expect-error that too
	reactions.mail;
	// @ts-expect-error that too
	reactions.log;
	// @ts-expect-error there is no such field
	reactions.sales.current?.average;
}

export function uploading(bytes: Uint8Array<ArrayBuffer>): void {
	void files.picture(bytes, 'me.png').then(({ name, size }) => name.length + size);
	void files.described(bytes, { alt: 'a' }).then((text) => text.length);

	// @ts-expect-error the bytes come first
	void files.picture('me.png', bytes);
	// @ts-expect-error what is in the picture?
	void files.described(bytes, {});
}

export function composing(): void {
	claim<Holds<typeof composed.long, Message[]>>();
	claim<Takes<typeof composed.sorted, [id: string]>>();
	const author: string | undefined = composed.joined.current?.[0]?.author?.name;
	void author;
	claim<Gives<typeof composed.validated, number>>();
	void composed.validated({ n: '1' });
	claim<Takes<typeof composed.wrapped, [id: number]>>();
	claim<Takes<typeof composed.team, [id: string]>>();
	void composed.todos;

	// @ts-expect-error a client sends what goes into the schema
	void composed.validated({ n: 1 });
	// @ts-expect-error it depends on an argument
	composed.sorted.current;
	// @ts-expect-error a tag holds nothing
	composed.todos.current;
	// @ts-expect-error the server alone runs it
	composed.around;
}

// @ts-expect-error a live module exports by name only
import whole from '$live/calls';
// @ts-expect-error there is no such module
import * as nowhere from '$live/nowhere';
void [whole, nowhere];
