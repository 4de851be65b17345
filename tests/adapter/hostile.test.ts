import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FRONTS, startFront, type Front, type FrontName } from './fronts.ts';
import { AMBIGUOUS, CHUNKING, LINES, PATH, type HostileCase } from './hostile-cases.ts';
import { raw, RawConnection, request } from './raw.ts';

/** What came of one case. */
interface Result {
	/** The first line of the first answer; empty where there is none. */
	readonly answer: string;
	/** The server has ended the connection. */
	readonly isEnded: boolean;
	/** Bodies that a page has read, as it should read one at the most. */
	readonly bodies: readonly string[];
}

const ALL: readonly HostileCase[] = [...AMBIGUOUS, ...CHUNKING, ...LINES];

/** Sends every case at once, each on a connection of its own. */
async function run(front: Front, bodies: ReadonlyMap<string, string[]>): Promise<Result[]> {
	return Promise.all(
		ALL.map(async ({ text, cut, outcome }, index) => {
			const connection = await RawConnection.open(front.port);
			connection.socket.setNoDelay();
			const own = text.replace(PATH, `/${index}`);
			for (const part of cutAt(own, cut)) {
				connection.send(part);
				await new Promise((resolve) => setImmediate(resolve));
			}
			const over =
				outcome === 'answered'
					? connection.until((received) => received.includes('\r\n\r\n'))
					: connection.closed();
			await over;
			const { received, isEnded } = connection;
			connection.socket.destroy();
			const answer = received.split('\r\n')[0]!;
			return { answer, isEnded, bodies: bodies.get(`/${index}`) ?? [] };
		})
	);
}

function cutAt(text: string, cut: HostileCase['cut']): readonly string[] {
	if (cut === 'bytes') return [...text];
	return cut === undefined ? [text] : [text.slice(0, cut), text.slice(cut)];
}

const fronts = {} as Record<FrontName, Front>;
const results = {} as Record<FrontName, readonly Result[]>;

beforeAll(async () => {
	await Promise.all(
		FRONTS.map(async (name) => {
			const bodies = new Map<string, string[]>();
			fronts[name] = await startFront(name, {
				async respond(asked) {
					const { pathname } = new URL(asked.url);
					try {
						const body = await asked.text();
						bodies.set(pathname, [...(bodies.get(pathname) ?? []), body]);
						return new Response('page');
					} catch {
						// The body breaks off, as the connection does.
						return new Response('half', { status: 400 });
					}
				}
			});
			results[name] = await run(fronts[name], bodies);
		})
	);
}, 60_000);
afterAll(async () => void (await Promise.all(FRONTS.map((name) => fronts[name].close()))));

describe.each(FRONTS)('%s', (name) => {
	test.each(ALL.map((one, index) => [one.what, one, index] as const))(
		'%s',
		(_what, { outcome, body }, index) => {
			const { answer, isEnded, bodies } = results[name][index]!;
			switch (outcome) {
				case 'answered':
					expect({ answer, bodies }).toEqual({ answer: 'HTTP/1.1 200 OK', bodies: [body] });
					return;
				case 'refused':
					expect(bodies).toEqual([]);
					expect(answer).toMatch(/^$|^HTTP\/1\.1 (4|50[0-5])/);
					expect(isEnded).toBe(true);
					return;
				case 'either':
					expect(bodies.length).toBeLessThan(2);
			}
		}
	);

	test('an upload that is cut behind any byte is let go of', async () => {
		const upload = `POST /cut HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde`;
		await Promise.all(
			[...upload].map(async (_byte, at) => {
				const connection = await RawConnection.open(fronts[name].port);
				connection.send(upload.slice(0, at));
				await new Promise((resolve) => setImmediate(resolve));
				connection.socket.destroy();
			})
		);

		await fronts[name].site.idle();
		expect((await raw(fronts[name].port, upload)).text).toBe('page');
	});

	test('requests in one packet are each answered in order, or the connection ends', async () => {
		const connection = await RawConnection.open(fronts[name].port);
		connection.send(request('/first') + request('/second', { Connection: 'close' }));
		await connection.closed();

		const answers = connection.received.match(/HTTP\/1\.1 \d+/g) ?? [];
		expect(answers).toEqual(answers.map(() => 'HTTP/1.1 200'));
	});

	test('after all of it the server answers, and has no complaint', async () => {
		expect((await raw(fronts[name].port, request('/alive'))).text).toBe('page');
		expect(fronts[name].errors).toEqual([]);
	});
});

test('uws: after chunks, whose ends it is lax about, nothing that follows is a request', async () => {
	const connection = await RawConnection.open(fronts.uws.port);
	const coding = { 'Transfer-Encoding': 'chunked' };
	connection.send(`${request('/chunks', coding, 'POST')}3\r\nabc\r\n0\r\n\r\n`);
	expect((await connection.response()).status).toBe(200);
	connection.send(request('/smuggled'));

	await connection.closed();
	expect(connection.received).toBe('');
});
