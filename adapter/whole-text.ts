/** Answers that SvelteKit makes of a text, without a stream that nobody reads. */

import type { Plugin } from 'vite';
import type { BytesOf } from './runtime/whole-body.ts';

const MODULE = /\/@sveltejs\/kit\/src\/exports\/index\.js$/;
/** Where `text` makes the Response of a page. A version that has it otherwise is left as it is. */
const MADE = /return new Response\((?=encoded, \{\s*\.\.\.init,\s*headers\s*\}\);)/;

/**
 * Has the bundled `text` of SvelteKit answer with a Response that keeps its bytes, and makes a stream of
 * them when somebody asks for it. The adapter does not: it sends the bytes. On Node 20 such a stream is
 * not only dear to make, it also keeps all that belongs to its request until the next full collection.
 * The row `ssr-hello` of the bench went from 2.0 of its control to 2.3 by it.
 */
export function wholeText(): Plugin {
	return {
		name: 'svelte-realtime:whole-text',
		transform(code, id) {
			return MODULE.test(id) && MADE.test(code) ? { code: withWholeText(code), map: null } : null;
		}
	};
}

/** The code of a module, with that Response in the place of the plain one. */
export function withWholeText(code: string): string {
	if (!MADE.test(code)) return code;
	const made = code.replace(MADE, 'return responseOfBytes(');
	return `${made}\n${responseOfBytes.toString()}\n${classOfWhole.toString()}\nconst WholeResponse = ${classOfWhole.name}();\n`;
}

declare const WholeResponse: ReturnType<typeof classOfWhole>;

/** As the constructor of Response: a status that allows no body is its error. */
function responseOfBytes(bytes: Uint8Array<ArrayBuffer>, init: ResponseInit): Response {
	const isBodiless = [101, 204, 205, 304].includes(init.status ?? 200);
	return isBodiless ? new Response(bytes, init) : new WholeResponse(bytes, init);
}

/** Written into the bundle as it stands here, so it uses nothing but what is global. */
function classOfWhole() {
	return class WholeResponse extends Response {
		readonly #bytes: Uint8Array<ArrayBuffer>;
		/** The same with a stream, from when somebody has asked for it. */
		#streamed: Response | undefined = undefined;

		static {
			// Asked by identity: what stands in front of a response, as a proxy does, is not it.
			const bytesOf: BytesOf = (response) =>
				#bytes in response && !response.#streamed && !Object.hasOwn(response, 'body')
					? response.#bytes
					: undefined;
			Object.assign(globalThis, { [Symbol.for('svelte-realtime.bytes-of')]: bytesOf });
			for (const name of ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const) {
				if (!(name in Response.prototype)) continue;
				const value = function (this: WholeResponse): Promise<unknown> {
					return this.#stream()[name]();
				};
				const usual = Object.getOwnPropertyDescriptor(Response.prototype, name);
				Object.defineProperty(this.prototype, name, { ...usual, value });
			}
		}

		constructor(bytes: Uint8Array<ArrayBuffer>, init: ResponseInit) {
			super(null, init);
			this.#bytes = bytes;
		}

		#stream(): Response {
			return (this.#streamed ??= new Response(this.#bytes, this));
		}

		override get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
			return this.#stream().body;
		}

		override get bodyUsed(): boolean {
			return this.#streamed?.bodyUsed ?? false;
		}

		override clone(): Response {
			if (!this.#streamed) return new WholeResponse(this.#bytes, this);
			return new Response(this.#streamed.clone().body, this);
		}
	};
}
