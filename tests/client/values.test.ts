import * as devalue from 'devalue';
import { expect, test } from 'vitest';
import { bench, event, settle, snapshot } from './fake-server.ts';

/** devalue is fetched by a dynamic import, which settles when the module loader says so. */
async function until(condition: () => boolean): Promise<void> {
	while (!condition()) await settle();
}

const flat = (value: unknown): unknown => JSON.parse(devalue.stringify(value));

test('values beyond JSON travel through devalue, and later frames wait their turn', async () => {
	const { client, open } = bench();
	const call = client.call('a')({ at: new Date(5), ids: new Set([1n]) });
	void client.call('a')('plain');
	const socket = await open();
	await until(() => socket.frames.length === 2);

	const [first, second] = socket.frames;
	expect(first).toMatchObject({ id: 1, devalue: true });
	expect(devalue.unflatten(first!.args as never)).toEqual([
		{ at: new Date(5), ids: new Set([1n]) }
	]);
	expect(second).toEqual({ type: 'rpc', id: 2, path: 'a', args: ['plain'] });
	socket.deliver({ type: 'reply', id: 1, data: flat(new Map([['x', 1]])), devalue: true });
	expect(await call).toEqual(new Map([['x', 1]]));
});

test('what arrives behind a value that needs devalue waits for it', async () => {
	const { client, open } = bench();
	const seen: unknown[] = [];
	client.stream('s').subscribe((value) => void seen.push(value));
	const socket = await open();
	const data = [{ id: 1, at: new Date(1) }];
	socket.deliver(snapshot(1, flat(data), 0, { devalue: true }));
	socket.deliver(event('created', { id: 2 }, 1));
	socket.deliver({ ...event('created', flat({ id: 3, at: new Date(3) }), 2), devalue: true });
	expect(seen).toEqual([undefined]);
	await until(() => seen.length > 1);

	expect(seen.at(-1)).toEqual([...data, { id: 2 }, { id: 3, at: new Date(3) }]);
});

test('an event inside a snapshot may be the one that needs devalue', async () => {
	const { client, open } = bench();
	const stream = client.stream('s');
	let value: unknown;
	stream.subscribe((next) => (value = next));
	const socket = await open();
	const events = [
		{ event: 'created', data: flat({ id: 1, at: new Date(1) }), devalue: true, seq: 1 }
	];
	socket.deliver(snapshot(1, [], 0, { events }));
	await until(() => value !== undefined);

	expect(value).toEqual([{ id: 1, at: new Date(1) }]);
});

class Point {
	readonly x: number;
	constructor(x: number) {
		this.x = x;
	}
}

test('the types of the app travel by its transport hook', async () => {
	const transport = {
		Point: {
			encode: (value: unknown) => value instanceof Point && [value.x],
			decode: ([x]: [number]) => new Point(x)
		}
	};
	const { client, open } = bench({ transport });
	const call = client.call('a')(new Point(7));
	const socket = await open();
	await until(() => socket.frames.length === 1);
	socket.deliver({ type: 'reply', id: 1, data: socket.frames[0]!.args, devalue: true });

	expect(await call).toEqual([new Point(7)]);
});

test('a reply that cannot be read rejects its call and no other', async () => {
	const { client, open } = bench();
	const broken = client.call('a')(new Date(0));
	const whole = client.call('a')(1);
	const socket = await open();
	await until(() => socket.frames.length === 2);
	socket.deliver({ type: 'reply', id: 1, data: [['Nonsense', 1], 1], devalue: true });
	socket.deliver({ type: 'reply', id: 2, data: 'fine' });

	await expect(broken).rejects.toThrow();
	expect(await whole).toBe('fine');
});
