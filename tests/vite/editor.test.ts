/** What an editor shows of `$live/*`, asked of the language server that editors ask. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { typedApp, type TypedApp } from './typed-app.ts';

const PAGE = `import { delete as remove, send } from '$live/calls';
import { messages } from '$live/streams';
void [remove, send, messages];
settings;
`;

interface Span {
	readonly file: string;
	readonly start: { readonly line: number };
}

interface Answers {
	quickinfo: { documentation: string; displayString: string; tags: { text: string }[] };
	definitionAndBoundSpan: { definitions: Span[] };
	completionInfo: { entries: { name: string; source?: string }[] };
}

let app: TypedApp;
let server: ChildProcess;
let lastRequest = 0;

beforeAll(async () => {
	app = await typedApp('kinds');
	await app.project.read();
	const tsserver = createRequire(import.meta.url).resolve('typescript/lib/tsserver.js');
	server = spawn(process.execPath, [tsserver, '--disableAutomaticTypingAcquisition'], {
		stdio: ['pipe', 'pipe', 'inherit']
	});
	createInterface({ input: server.stdout! }).on('line', (line) => {
		if (line.startsWith('{')) server.emit('answer', JSON.parse(line));
	});
	const preferences = { includeCompletionsForModuleExports: true };
	tell('configure', { preferences });
	// What is open stands in the app, so that it is of the app's project.
	tell('open', { file: page(), fileContent: PAGE });
});

afterAll(async () => {
	const ended = once(server, 'exit');
	server.kill();
	await ended;
	await app.close();
});

function page(): string {
	return join(app.root, 'src/use.ts');
}

function tell(command: string, args: object): number {
	const seq = (lastRequest += 1);
	server.stdin!.write(`${JSON.stringify({ seq, type: 'request', command, arguments: args })}\n`);
	return seq;
}

/** What the server says about the place where `text` begins, or `at` characters later. */
async function ask<Name extends keyof Answers>(
	command: Name,
	text: string,
	at = 0
): Promise<Answers[Name]> {
	const before = PAGE.slice(0, PAGE.indexOf(text) + at).split('\n');
	const line = before.length;
	const offset = (before.at(-1)?.length ?? 0) + 1;
	const seq = tell(command, { file: page(), line, offset });
	return new Promise((resolve) => {
		server.on('answer', function read(answer: { request_seq?: number; body: Answers[Name] }) {
			if (answer.request_seq !== seq) return;
			server.off('answer', read);
			resolve(answer.body);
		});
	});
}

/** `calls.ts: export const send = live(`: the line that an editor jumps to. */
function shown({ file, start }: Span): string {
	const line = readFileSync(file, 'utf8').split('\n')[start.line - 1];
	return `${file.slice(app.root.length + 1)}: ${line?.trim()}`;
}

test('the documentation of an export is the one that its author wrote, tags included', async () => {
	const send = await ask('quickinfo', 'send }');
	const messages = await ask('quickinfo', 'messages }');

	expect(send.documentation).toBe('Sends a message to everybody.');
	expect(send.tags.map(({ text }) => text)).toEqual(['text What it says.']);
	expect(send.displayString).toContain('[text: string, loud?: boolean | undefined], Message>');
	expect(messages.documentation).toBe('The last messages.');
}, 120_000);

test('the definition of an export is the line of the live module', async () => {
	const places = ['send }', 'messages }', 'delete as'];

	const found = await Promise.all(places.map((place) => ask('definitionAndBoundSpan', place)));

	expect(found.map(({ definitions }) => definitions.map(shown))).toEqual([
		[
			'src/live/calls.ts: export const send = live(async (_ctx, text: string, loud?: boolean): Promise<Message> => {'
		],
		[
			"src/live/streams.ts: export const messages = live.stream('messages', async (): Promise<Message[]> => []);"
		],
		['src/live/calls.ts: export { remove as delete };']
	]);
});

test('an editor offers the import of a live function from $live', async () => {
	const { entries } = await ask('completionInfo', 'settings;', 'settings'.length);

	const sources = entries.flatMap(({ name, source }) => (name === 'settings' ? [source] : []));
	expect(sources).toContain('$live/streams');
});
