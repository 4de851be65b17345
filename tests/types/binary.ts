/** What must compile, and what must not, of uploads and webhooks. Checked by tsc; nothing here runs. */

import { live, verifySignature, type UploadStream } from 'svelte-realtime';
import type { Stub, UploadProgress } from 'svelte-realtime/client';
import type { BinaryOptions } from 'svelte-realtime/plugins/binary';
import * as v from 'valibot';

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

// --- what a function is handed ---

export const avatar = live.binary((ctx, data, name: string, size?: number) => {
	// All that Node and the web take bytes with takes it.
	const whole: Uint8Array<ArrayBuffer> = data;
	const buffer: ArrayBuffer = data.buffer;
	void [new Blob([data]), new Response(data), ctx.user, whole, buffer];
	return { name, size };
});

export const film = live.binary(
	async (_ctx, data, name: string) => {
		const stream: UploadStream = data;
		// @ts-expect-error it comes piece by piece
		void data.byteLength;
		let size = 0;
		for await (const chunk of stream) size += chunk.byteLength;
		return { name, size };
	},
	{ stream: true, maxSize: 1024 ** 3 }
);

export const checked = live.binary(
	v.object({ day: v.pipe(v.string(), v.toDate()) }),
	(_ctx, data, { day }, more: number) => [data.byteLength, day.getTime(), more] as const,
	{ maxSize: 10 }
);

// @ts-expect-error there is no such option
live.binary((_ctx, data) => data.byteLength, { max: 5 });
// @ts-expect-error a size is a number of bytes
live.binary((_ctx, data) => data.byteLength, { maxSize: '5 MB' });

/** A gate is asked before the bytes are there, so it is handed the arguments alone. */
const limited = live.rateLimit({ points: 5, window: 1000 }, avatar);
export const gated = live.gate(
	(ctx, name, size) => ctx.user !== null && name.length > (size ?? 0),
	limited
);
// @ts-expect-error the bytes are not there yet
live.gate((_ctx, data: Uint8Array) => data.byteLength > 5, avatar);

// --- what a page has ---

declare const upload: Stub<typeof gated>;
declare const uploadFilm: Stub<typeof film>;
declare const uploadChecked: Stub<typeof checked>;
declare const file: File;

export async function uploads(signal: AbortSignal): Promise<void> {
	const running = upload(file, 'me.png', 5);
	const progress: UploadProgress = running.progress.current;
	running.progress.subscribe(({ sent, total }) => void (sent / total));
	running.cancel();
	const kept: { name: string; size: number | undefined } = await running;
	void [kept, progress];
	await upload(new Uint8Array(5), 'bytes');
	await upload(new ArrayBuffer(5), 'buffer');
	// @ts-expect-error the name is missing
	await upload(file);
	// @ts-expect-error a name is a text
	await upload(file, 5);
	// @ts-expect-error a text is no bytes
	await upload('text', 'me.png');
	const options = { signal, timeout: 5000, onProgress: ({ sent }: UploadProgress) => void sent };
	const patient: { name: string } = await upload.with(options)(file, 'me.png');
	// @ts-expect-error the name is missing here as well
	await upload.with({})(file);
	// @ts-expect-error it is over when it is over
	patient.cancel();

	const size: number = (await uploadFilm(file, 'film')).size;
	const [length, time, more]: readonly [number, number, number] = await uploadChecked(
		file,
		{ day: '2026-01-01' },
		5
	);
	// @ts-expect-error a client sends what the schema takes, not what it makes
	await uploadChecked(file, { day: new Date() }, 5);
	void [size, length, time, more];
}

export const options: Same<keyof BinaryOptions, 'uploads' | 'bytes' | 'total' | 'window' | 'idle'> =
	true;

// --- webhooks ---

interface Order {
	readonly id: string;
	readonly type: 'paid' | 'refunded';
	readonly created: number;
}

export const orders = live.webhook((order: Order) => `orders:${order.type}`, {
	async verify({ body, bytes, headers }): Promise<Order | false> {
		const header = headers.get('x-signature');
		return verifySignature({ body: bytes, header, secret: 's' }) && (JSON.parse(body) as Order);
	},
	id: ({ id }) => id,
	timestamp: ({ created }) => created * 1000,
	transform: ({ type, id }) => (type === 'paid' ? { event: type, data: id } : null)
});

live.webhook('orders', {
	verify: (): Order => ({ id: '1', type: 'paid', created: 0 }),
	// @ts-expect-error an order has no amount
	transform: ({ amount }) => ({ event: 'paid', data: amount })
});
live.webhook('orders', {
	verify: (): Order => ({ id: '1', type: 'paid', created: 0 }),
	// @ts-expect-error what is published has a name
	transform: ({ id }) => ({ data: id })
});
// @ts-expect-error what nobody verifies is nobody's
live.webhook('orders', { transform: () => null });

declare const endpoint: Stub<typeof orders>;
export const POST: (event: { request: Request }) => Promise<Response> = endpoint.POST;
export async function answered(request: Request): Promise<number> {
	await endpoint.handle({ body: new ArrayBuffer(5), headers: { 'x-signature': '' } });
	return (await endpoint.handle({ request })).status;
}
