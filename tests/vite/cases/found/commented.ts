import { live } from 'svelte-realtime';

// export const commented = live(async () => 1);
/* export const blocked = live.stream('x', async () => []); */
export const text = "export const quoted = live(async () => 1)";
export const template = `
export const templated = live(async () => 1);
`;
export const shadowed = [1].map((live) => live + 1);
export const keyed = { live: 1, stream: 2 };
export function helper(): unknown {
	return live;
}
export const real = live(async () => 1);
