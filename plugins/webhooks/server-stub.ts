import { runningKernel } from '../running-kernel.ts';
import type { WebhookAnswer } from './index.ts';
import type { WebhookInput } from './request.ts';

/** What a webhook is on the server, under `$live/*`. */
export interface WebhookStub {
	/**
	 * The endpoint.
	 *
	 * @example src/routes/hooks/stripe/+server.ts:
	 * import { stripe } from '$live/billing';
	 * export const POST = stripe.POST;
	 */
	POST(event: { readonly request: Request }): Promise<Response>;
	/** The same for who answers in another way. It never rejects for what was posted. */
	handle(input: WebhookInput): Promise<WebhookAnswer>;
}

/**
 * Makes the server's half of a webhook.
 *
 * @throws {RealtimeError} RT_SERVER_NOT_RUNNING, when it is used.
 */
export function serverWebhook(path: string): WebhookStub {
	const handle = async (input: WebhookInput): Promise<WebhookAnswer> =>
		runningKernel(path).use('webhooks').handle(path, input);
	return {
		handle,
		async POST(event) {
			const { status, body, headers } = await handle(event);
			return new Response(body, { status, headers });
		}
	};
}
