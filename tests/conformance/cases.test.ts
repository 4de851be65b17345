/**
 * What a live API has to do, case by case, and the test of each. Those of this folder run over real
 * sockets, on both transports; what belongs to the Vite plugin, or to a page, is proven where that is.
 */

import { expect, test } from 'vitest';
import { missing, type Proof } from './proofs.ts';

const calls = (name: string): Proof => ['conformance/calls', name];
const streams = (name: string): Proof => ['conformance/streams', name];
const client = (name: string): Proof => ['conformance/client', name];
const places = (name: string): Proof => ['conformance/places', name];

const CASES: Readonly<Record<string, Readonly<Record<string, Proof>>>> = {
	rpc: {
		'a valid call is answered with the same id': calls(
			'a call is answered under its own id, and missing arguments are none'
		),
		'a module may have a hyphen': calls(
			'a call is answered under its own id, and missing arguments are none'
		),
		'unknown, single-segment, traversal and odd paths': calls(
			'a path that names nothing is NOT_FOUND, whatever it is made of'
		),
		'arguments that are no list': calls('arguments that are no list are INVALID_REQUEST'),
		'a plain throw tells nothing': calls(
			'what a handler throws by accident reaches nobody, but for whoever runs the server'
		),
		'a LiveError in single, batch and binary': calls(
			'a LiveError is the same by a call, in a batch and of an upload'
		),
		'guards: before the handler, in order, enriching ctx': calls(
			'guards are asked in order before the handler, add to ctx, and refuse'
		),
		'middleware: around everything, in order, may reject': calls(
			'middleware is around everything, in order, and can refuse'
		),
		'middleware must return': [
			'plugins/middleware',
			'a forgotten return is an error that names it, and is answered'
		],
		'ctx.publish goes through what is around the platform': calls(
			'what ctx.publish sends has gone through the plugins'
		),
		'other frames go on to who asks for them, and only then': calls(
			'frames of other types reach the plugin that asks for them, and only that'
		)
	},
	batch: {
		'several calls, in order; partial failure': calls(
			'the calls of a batch come back in order, and one that fails fails alone'
		),
		sequential: calls('a sequential batch begins each call when the one before it is over'),
		'more than 50': calls(
			'a batch of more than 50 is refused on both sides, each call with a code'
		),
		'malformed entries': calls(
			'of a message with what is no frame in it nothing runs, and each call is told'
		),
		'gate and ctx as in a single call': calls(
			'in a batch a gate and who calls are what they are in a call'
		)
	},
	'validation and limits': {
		'a schema transforms, or lists what is wrong': calls(
			'a schema makes the first argument what it says, or says everything that is wrong'
		),
		'asynchronous schemas, and what is none': calls(
			'a schema may take its time, and what is no schema is refused where it is declared'
		),
		'a limit for each function, identity and key': calls(
			'a budget is of one function and one identity, or of what its key says'
		),
		'a full table of identities': calls(
			'when there is no room for more identities, those who are counted go on'
		),
		'sizes of uploads and of their headers': calls(
			'an upload has a size that it may not pass, and so has the header of a binary frame'
		)
	},
	streams: {
		'nothing is lost between load and live': streams(
			'what happens while a stream is loaded is not lost'
		),
		'the gate, whatever the frame says': streams(
			'a gate holds whatever the frame says, and a stream is no function'
		),
		'dynamic topics: ctx, no arguments, defaults, rest': streams(
			'a topic is made of ctx and arguments, with defaults and the rest'
		),
		'topics that are none, later, or reserved': streams(
			'a topic that is no text, or comes later, or is reserved, is an error'
		),
		'rollback of a failing loader': streams('a loader that fails leaves nobody following'),
		'each begin has one end, static and dynamic': streams(
			'of the stream %s each beginning has one end'
		)
	},
	merge: {
		crud: streams(
			'a list by key keeps its order, takes what is known anew, and ignores what is not'
		),
		latest: streams('the list %s keeps its newest, and finds them by their key'),
		'presence and cursor': streams('members and pointers come, change and go by their keys')
	},
	store: {
		'undefined, then data': client('a stream is nothing, then its data, and it is loaded once'),
		'errors beside the data': client(
			'an error stands beside the data, and is over when the stream is'
		),
		'two streams of one message': client('two streams that are asked for at once are both alive'),
		hydration: client('what a page was rendered with stays until there is something newer'),
		'equal arguments, other types': client(
			'equal arguments share a store, and those of another type do not'
		),
		'leaving and coming back': client(
			'who leaves and comes back at once goes on; who comes back later begins anew'
		),
		pages: client('pages come %s each other, down to a cursor of 0'),
		optimistic: client(
			'an operation shows at once, over what others do, and goes with its rollback'
		),
		'undo and redo': client('what is undone is undone on the server, and nothing of anybody else'),
		'when and combine': client(
			'a condition follows and leaves; what is combined is told once for each change'
		),
		'when by a getter': [
			'client/when',
			'a function as condition is read again when the state in it changes'
		]
	},
	'delta, replay, schema': {
		'unchanged, changed, everything, an error': streams(
			'a version that has not changed costs nothing, one that has costs the changes, or all'
		),
		'missed events only': streams('who comes back is told what was missed, and only that'),
		'gap and truncation': streams(
			'who was away too long, or knows another server, gets everything anew'
		),
		'migration, also of who comes again and again': streams(
			'a page of an older build gets items that it understands, each time that it comes'
		)
	},
	reactive: {
		'derived: shared, static, disposed': places(
			'a derived value is shared, worked out when its sources change, and ends with its last reader'
		),
		'derived: arguments and debounce': places(
			'each list of arguments has a value of its own, told once for a burst'
		),
		'derived: the last one stands': places(
			'of values that are worked out at once the last one stands'
		),
		'effects and aggregates': places(
			'an effect and an aggregate hear every event, and one that fails ends nothing'
		),
		'cron expressions': places('a time that makes no sense is refused where it is declared'),
		'cron overlap': [
			'plugins/cron',
			'a job does not begin while it is still going, and begins again at its next time'
		]
	},
	rooms: {
		'only the parts that are there': places(
			'a room has the parts that it was given, and no others'
		),
		'guards of the room and of its file, before anything happens': places(
			'whom a guard keeps out, %s of %s/board, leaves no trace in any part'
		),
		'earlier members, tabs, grace': places(
			'who comes sees who is there; tabs are one member, and a short break is none'
		),
		'actions and their topic': places(
			'an action is of the room that its first arguments name, and takes the rest'
		)
	},
	'offline and reconnect': {
		'queue, overflow, filter': client(
			'calls without a connection wait in order, up to a number and an age, if they are wanted'
		),
		age: [
			'client/calls-offline',
			'of too many the oldest fails with QUEUE_FULL, and of old ones each with STALE'
		],
		'a second drop during replay': client(
			'a connection that breaks again while calls are replayed holds nothing up'
		),
		'what was rejected is never made later': client('a call that was given up is not made later'),
		'no double fetch': client('a stream is nothing, then its data, and it is loaded once'),
		'a final close': client('a client that is closed for good tells everybody who waits')
	},
	vite: {
		'a stub for each kind': [
			'vite/generate',
			'the stub of the browser is one line for each export'
		],
		'aliased, typed, generic and wrapped exports; comments and strings': [
			'vite/manifest',
			'live exports are found however they are written, and comments and strings are not'
		],
		'what cannot be proven': [
			'vite/manifest',
			'what looks live and cannot be proven is refused with its line and its cure'
		],
		'duplicates and odd names': [
			'vite/manifest',
			'a file name that cannot be a path, and two files of one path, are refused'
		],
		'real paths stay on the server': ['vite/dev-server', 'server code is not served to a browser'],
		'paths of every system': [
			'vite/paths',
			'imports in what is generated have forward slashes, and reach another drive'
		],
		'the same exports in both stubs': [
			'vite/generate',
			'the stub of server rendering imports only what its kinds need'
		],
		'types under strict': [
			'vite/types',
			'the written types compile under tsc --strict and are those of the live modules'
		],
		'HMR: change': [
			'vite/dev-server',
			'a saved body changes the answer of open connections, and reloads no page'
		],
		'HMR: add and remove': ['vite/dev-server', 'modules come and go with their files'],
		'HMR: syntax error': [
			'vite/dev-server',
			'a syntax error keeps the old handlers and shows the overlay, until it is mended'
		]
	}
};

test.each(Object.entries(CASES))('each case of %s has its test', (_group, cases) => {
	expect(missing(Object.values(cases))).toEqual([]);
});
