/** Fetches what the option `auth` stands for, where an app sets it. */

import type { ClientKernel, ClientOptions } from '../../kernel/client/index.ts';

/** The options as the client kernel takes them: there `auth` is a function. */
export function withAuth(kernel: ClientKernel, options: ClientOptions): ClientOptions {
	const { auth } = options;
	if (auth === undefined) return options;
	if (typeof auth === 'function') {
		// Without it the server is not answered: it ends the connection, and the next one has the token.
		import('./client.ts').then(
			({ identityClient }) => identityClient(kernel),
			() => {}
		);
		return options;
	}
	const ask = (): Promise<undefined> =>
		import('./preflight.ts').then(({ preflight }) => preflight(kernel, auth));
	return { ...options, auth: ask };
}
