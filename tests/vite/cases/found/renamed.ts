import { live } from 'svelte-realtime';

interface Shape {
	a: number;
}
const a = live(async () => 1);
const stream = live.stream('b', async () => []);
const copy = a;

export { a as b, stream as delete, copy, type Shape };
export const again = copy,
	third = live(async () => 3);
