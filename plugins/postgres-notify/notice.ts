/** A payload of NOTIFY, as something to publish. */

export interface Notice {
	readonly topic: string;
	readonly event: string;
	readonly data?: unknown;
}

/** @throws {Error} for what is no JSON of a notice. */
export function readNotice(payload: string): Notice {
	const { topic, event, data } = Object(JSON.parse(payload)) as Record<string, unknown>;
	if (typeof topic !== 'string' || typeof event !== 'string') {
		throw new TypeError(`A payload of NOTIFY has no topic and event: ${payload.slice(0, 200)}`);
	}
	return { topic, event, data };
}
