/**
 * The faults that others have made, by number, each with the test that it would fail here. The last
 * tests are those that stand nowhere else.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { live } from 'svelte-realtime';
import { createTestEnv } from 'svelte-realtime/testing';
import { missing, type Proof } from './proofs.ts';

const TRAPS: Readonly<Record<string, readonly Proof[]>> = {
	'1 access is asked only where the client says that it follows': [
		['plugins/guards', 'a refused stream cannot be read as a call, nor a refused call as a stream'],
		[
			'plugins/access',
			'refuses a stream before it loads or follows anything, whatever the client sends'
		],
		['conformance/streams', 'a gate holds whatever the frame says, and a stream is no function']
	],
	'2 a client follows a topic by its name': [
		['kernel/mailroom', 'a topic that no stream granted cannot be subscribed to'],
		['plugins/signals', 'no client can ask for the signals of somebody, whatever it sends']
	],
	'3 a guard is found by its text, and missed by its text': [
		[
			'vite/guards',
			'a guard is found however it is written, and is nothing that a client can call'
		],
		['vite/guards', 'a guard that cannot be proven to be one is refused with its line and its cure']
	],
	'4 a question that answers later counts as yes': [
		['plugins/webhooks', 'a verify that %s is awaited, and lets nothing through'],
		['plugins/access', '%s is answered rightly wherever it is asked']
	],
	'5 the name of a prototype is a role': [
		['plugins/access', '%s is answered rightly wherever it is asked'],
		['plugins/rpc', '%j is NOT_FOUND']
	],
	'6 who is not let in yet is seen, and hears': [
		['plugins/bad-input', 'who an async guard keeps out hears nothing, and nobody hears of them'],
		['plugins/rooms', 'who may not enter gets no %s, and nothing happens'],
		['plugins/presence', 'a guard that refuses lets nobody see or be seen']
	],
	'7 checks that are passed by in one place or another': [
		[
			'conformance/calls',
			'a schema may take its time, and what is no schema is refused where it is declared'
		],
		['conformance/calls', 'a path that names nothing is NOT_FOUND, whatever it is made of'],
		[
			'plugins/binary',
			'11 MB are refused before a byte of them is there, and so is a byte more than maxSize'
		],
		['conformance/streams', 'a topic that is no text, or comes later, or is reserved, is an error'],
		['conformance/traps', 'trap 7: the overlay of dev mode makes no HTML of what it is shown'],
		['vite/manifest', 'a file name that cannot be a path, and two files of one path, are refused'],
		['plugins/guards', 'keeps everything from those whom it refuses, and nothing from others'],
		['conformance/calls', 'in a batch a gate and who calls are what they are in a call'],
		['plugins/guards', 'keeps it from a page that is rendered, and from those who come back'],
		['conformance/calls', 'a budget is of one function and one identity, or of what its key says'],
		['plugins/ratelimit', 'is the session of a client without a user, over its connections']
	],
	'8 values of different arguments, or users, are one': [
		[
			'plugins/reactions',
			'values of different arguments are different ones, however alike they are written'
		],
		['plugins/reactions', 'a shared value is worked out for nobody, whoever asked first'],
		['plugins/reactions', 'a value of each user is worked out for that user, and shown to no other']
	],
	'9 what a client makes up becomes a label': [
		['plugins/metrics', 'what a client makes up becomes no label']
	],
	'10 who somebody is stays for ever': [
		[
			'plugins/identity',
			'everything of a user is closed so that it comes back, whatever the type of the id'
		],
		[
			'plugins/identity',
			'another user is sent nothing more before the client has asked again, as that user'
		],
		[
			'plugins/identity',
			'a guard that refuses now ends its stream, though nobody has become another'
		]
	],
	'11 an error tells too much, or too little on some path': [
		[
			'conformance/calls',
			'what a handler throws by accident reaches nobody, but for whoever runs the server'
		],
		['conformance/calls', 'a LiveError is the same by a call, in a batch and of an upload'],
		['client/calls', 'an error keeps its code, message, issues and retryAfter'],
		[
			'plugins/bad-input',
			'when to come back, a gate’s refusal says to who wants to follow, a page included'
		]
	],
	'12 an answer is read in two ways': [
		['plugins/rpc', 'that comes in one message with others is answered like them'],
		['conformance/client', 'two streams that are asked for at once are both alive']
	],
	'13 events are merged before it is known how': [
		[
			'client/streams',
			'the events in a snapshot are applied with the options beside it, in one step'
		],
		['client/recovery', 'what was recovered keeps the version of the value that it continues']
	],
	'14 what happens while a stream is loaded is lost': [
		[
			'plugins/streams',
			'no event between load and live is lost or doubled, whatever meets in which order'
		],
		['conformance/streams', 'what happens while a stream is loaded is not lost']
	],
	'15 a position outlives its value, or is newer than it': [
		[
			'conformance/client',
			'who leaves and comes back at once goes on; who comes back later begins anew'
		],
		['plugins/recovery', 'is told the version with the snapshot, read before the value']
	],
	'16 lists lose their order, and pages their place': [
		['client/merge', 'deleting keeps the order of the rest'],
		['client/pages', '%j is a cursor like any other'],
		['client/pages', 'an item that the list has already does not show twice, nor as it was before'],
		['conformance/client', 'pages come %s each other, down to a cursor of 0']
	],
	'17 a word in the data is taken for the protocol’s': [
		['conformance/traps', 'trap 17: data may say whatever frames say'],
		['kernel/protocol', 'a frame with fields like those of a refusal is a frame']
	],
	'18 a rollback, or an undo, takes away what others did': [
		[
			'client/optimistic',
			'is laid over every later event, and rolled back without taking others away'
		],
		['client/optimistic', 'replaces a temporary key by the server’s, in one step'],
		['client/history', 'what others have done is never undone']
	],
	'19 what is shown waits for an animation frame': [
		['conformance/traps', 'trap 19: no client waits for a frame to be drawn'],
		['client/optimistic', 'shows a change at once, and without it once that is rolled back']
	],
	'20 what was given up runs later, or twice, or holds the queue up': [
		['client/calls-once', 'a call that was given up is not run by what arrives late'],
		['client/calls-once', 'wherever the connection is cut, once or twice, each call runs once'],
		['client/calls', 'calls of one microtask travel in one message, and identical ones stay apart'],
		[
			'conformance/client',
			'a connection that breaks again while calls are replayed holds nothing up'
		]
	],
	'21 everything is fetched twice, or much too late': [
		['conformance/client', 'a stream is nothing, then its data, and it is loaded once'],
		[
			'client/connection',
			'waits grow in three tiers: 0–1 s, 1–5 s in even steps, 5–30 s by doubling'
		],
		['client/streams', 'a stream that was refused for now is asked for again when the server says']
	],
	'22 recovery that was never tried from end to end': [
		['conformance/streams', 'who comes back is told what was missed, and only that'],
		[
			'e2e/recovery',
			'a page survives that its server is killed and started again, others writing meanwhile'
		],
		[
			'simulator/simulator',
			'whatever breaks, every client ends with the state of the server, and no call runs twice'
		]
	],
	'23 what was rendered flashes, or stays for ever': [
		['client/streams', 'nothing flashes when nothing was missed'],
		['conformance/client', 'what a page was rendered with stays until there is something newer'],
		[
			'e2e/rendering',
			'goes on under a busy writer: nothing flashes, is loaded again, is lost or doubled'
		]
	],
	'24 an error stands where the data should': [
		['client/streams', 'an error stands beside the data and never replaces it'],
		['conformance/client', 'an error stands beside the data, and is over when the stream is']
	],
	'25 throttled twice, derived in the wrong order, counted over': [
		[
			'plugins/throttle',
			'the first goes out at once, and of what follows the newest when the window ends'
		],
		['conformance/places', 'of values that are worked out at once the last one stands'],
		['plugins/reactions', 'events that come while the snapshot is loaded are added after it'],
		[
			'plugins/reactions',
			'values that depend on each other in a circle are refused, with the circle'
		]
	],
	'26 an error that nobody catches ends the process': [
		['kernel/mailroom', 'an answer to a connection that has gone meanwhile is a no-op'],
		['plugins/middleware', 'a forgotten return is an error that names it, and is answered'],
		[
			'plugins/bad-input',
			'whatever the frames are, each%s is answered at most once, and the server lives'
		],
		['vite/hmr', 'a new module that cannot be read leaves no overlay behind when it is removed']
	],
	'27 who leaves is told of never, twice, or without having come': [
		['plugins/rooms', 'a room hears of each one who enters and leaves, once'],
		['plugins/presence', 'a user is one member, whatever the number of tabs'],
		['conformance/streams', 'of the stream %s each beginning has one end'],
		['conformance/streams', 'a loader that fails leaves nobody following']
	],
	'28 something grows without a bound, or is bounded without a rule': [
		['plugins/throttle', 'past its timers a publish happens at once, and is counted'],
		[
			'plugins/ratelimit',
			'the table of one limit is bounded, and others are not touched by who fills it'
		],
		['plugins/presence', 'a flood of joins and leaves keeps no more than its bound'],
		['claims/kernel-readme', 'the table of limits is the code']
	],
	'29 a save doubles what runs, or breaks what ran': [
		[
			'vite/hmr',
			'guards, middleware and effects run once after any number of saves, in their last form'
		],
		[
			'vite/hmr',
			'a job of the clock keeps its new times and its new code, and the old ones are gone'
		],
		[
			'vite/dev-server',
			'a module that throws while it is loaded keeps the old handlers and shows the overlay'
		]
	],
	'30 the app starts before its environment, or twice': [
		['e2e/adapter', 'a live function answers, and its module saw the private environment'],
		['vite/generate', 'the server module imports the app inside of load, never at its top'],
		['vite/kit', 'the package is one instance for pages and realtime side'],
		[
			'testing/env',
			'environments of one config know nothing of each other, and leave nothing behind'
		]
	],
	'31 a feature needs wiring that nobody tells of': [
		['presets/single', 'single() is these plugins, in this order, on these hooks'],
		['testing/env', 'crons and limits run by the clock of the environment'],
		['testing/env', 'signals and uploads come to those whom they are for'],
		['e2e/pack', 'its live functions answer over a socket']
	],
	'32 what runs on several instances runs several times': [
		['plugins/reactions', 'an effect is done once, on the instance where it was published'],
		['plugins/reactions', 'every instance works its values out from what is published on any'],
		['plugins/presence', 'members of two instances see each other']
	],
	'33 types, and documents, that are not true': [
		[
			'vite/types',
			'sixty exports, of every kind, are to a page what they are there, and nothing else is'
		],
		['e2e/pack', 'an app outside the repository type-checks strictly against the packed types'],
		['claims/custom-plugin', 'the page compiles, and its services are on ctx with their types'],
		['claims/kernel-readme', 'the conversation in the README is the one that a server has']
	],
	'34 tests that know only their own stand-ins': [
		['conformance/calls', 'a call is answered under its own id, and missing arguments are none'],
		['client/server', 'calls are answered by the real kernel, with values and errors as they are'],
		['e2e/playground', 'two browsers see what the other one says']
	],
	'35 a kit for tests that is another server': [
		[
			'testing/env',
			'the guard of a folder, of a module, and of a config that requires one hold as on the server'
		],
		['testing/env', 'what the config says is in force: plugins, middleware, limits, gates'],
		[
			'conformance/traps',
			'trap 35: the kit for tests has no guard, no merge and no protocol of its own'
		]
	],
	'36 a package without some of its files': [
		['e2e/pack', 'it serves a page that holds the stream it was rendered with'],
		['e2e/pack', 'the kit for tests of an app runs where there is no Vitest, nor any bundler']
	]
};

test('every trap from 1 to 36 has a test', () => {
	const numbers = Object.keys(TRAPS).map((trap) => parseInt(trap, 10));

	expect(numbers).toEqual(Array.from({ length: 36 }, (_, index) => index + 1));
});

test.each(Object.entries(TRAPS))('trap %s: its tests are there', (_trap, proofs) => {
	expect(proofs.length).toBeGreaterThan(0);
	expect(missing(proofs)).toEqual([]);
});

test('what is no test proves nothing', () => {
	const none: Proof[] = [
		['conformance/traps', 'TRAPS'],
		['conformance/traps', 'what nobody has written']
	];

	expect(missing(none)).toHaveLength(2);
});

// --- those that stand nowhere else ---

/** The texts of a folder's source files, by their paths. */
function sources(folder: string): [path: string, text: string][] {
	const root = new URL(`../../${folder}/`, import.meta.url);
	const files = readdirSync(root, { recursive: true, encoding: 'utf8' });
	return files
		.filter((file) => /\.(ts|js|css|svelte)$/.test(file))
		.map((file) => [`${folder}/${file}`, readFileSync(new URL(file, root), 'utf8')]);
}

const STYLES = `root.innerHTML = '<style>' + STYLES + '</style>';`;

test('trap 7: the overlay of dev mode makes no HTML of what it is shown', () => {
	const files = sources('vite/devtools');
	const written = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\{@html/;

	expect(files.length).toBeGreaterThan(3);
	// Its own styles, which are a constant, are the one exception.
	const rest = files.map(([path, text]) => [path, text.replace(STYLES, '')] as const);
	expect(rest.filter(([, text]) => written.test(text)).map(([path]) => path)).toEqual([]);
});

test('trap 17: data may say whatever frames say', async () => {
	const words = {
		...{ type: 'reply', id: 1, reqId: 1, rpc: 'x', path: 'x', args: [], event: '__close' },
		...{ error: { code: 'FORBIDDEN' }, topic: 'words', devalue: true, seq: 7, epoch: 'e' },
		...{ batch: [], stream: true, _deleted: false, op: 'x', __proto__x: 1, data: null }
	};
	const list = live.stream('words', () => [words]);
	const echo = live((_ctx, value: unknown) => value);
	await using env = await createTestEnv({ modules: { test: { list, echo } } });
	const ada = await env.connect();
	const stream = ada.subscribe('test/list');

	expect(await ada.call('test/echo', words)).toEqual(words);
	expect(await ada.call('test/echo', [words])).toEqual([words]);
	expect(await stream.waitFor()).toEqual([words]);
	await env.publish('words', 'created', { ...words, id: 2 });
	expect(await stream.waitFor((value) => (value as unknown[]).length === 2)).toContainEqual({
		...words,
		id: 2
	});
});

test('trap 19: no client waits for a frame to be drawn', () => {
	const files = [...sources('kernel/client'), ...sources('plugins')];

	// Pointers are sent, and drawn, once for each frame; where there are none, by a timer.
	const drawing = files.filter(([, text]) => text.includes('requestAnimationFrame'));
	expect(drawing.map(([path]) => path).sort()).toEqual([
		'plugins/cursors/client.ts',
		'plugins/cursors/smooth.ts'
	]);
});

test('trap 35: the kit for tests has no guard, no merge and no protocol of its own', () => {
	const files = sources('testing');
	const text = files.map(([, content]) => content).join('\n');

	expect(text).toMatch(/createApp\(/);
	expect(text).toMatch(/createClient\(/);
	expect(text).not.toMatch(/'created'|'updated'|'deleted'|_guard'|JSON\.parse|createKernel/);
});
