import type { Connection } from '../../../kernel/connection.ts';
import type { ConnectionData, UpgradeRequest } from '../../../kernel/contexts.ts';
import { LIMITS, type Limits } from '../../../kernel/limits.ts';
import { isAllowedOrigin } from '../../../kernel/origin.ts';
import type {
	MaybePromise,
	Payload,
	Socket,
	TransportHost,
	UpgradeAnswer
} from '../../../kernel/transport.ts';
import { Inbox } from './inbox.ts';

export interface Opened {
	readonly connection: Connection;
	readonly socket: Socket;
	readonly data: ConnectionData;
}

/** A host that records what a transport tells it. */
export class RecordingHost implements TransportHost {
	readonly limits: Limits;
	readonly requests: Inbox<UpgradeRequest> = new Inbox();
	readonly preflights: Inbox<UpgradeRequest> = new Inbox();
	readonly opened: Inbox<Opened> = new Inbox();
	readonly messages: Inbox<{ connection: Connection; payload: Payload; byteLength: number }> =
		new Inbox();
	readonly drained: Inbox<Connection> = new Inbox();
	readonly closed: Inbox<{ connection: Connection; code: number; reason: string }> = new Inbox();
	/** The answer to an upgrade. */
	answer: (request: UpgradeRequest) => MaybePromise<UpgradeAnswer> = () => accept();
	/** What happens inside of `open` and `message`. */
	onOpen: (socket: Socket) => void = () => {};
	onMessage: (socket: Socket) => void = () => {};
	readonly #sockets = new Map<Connection, Socket>();

	constructor(limits: Partial<Limits> = {}) {
		this.limits = { ...LIMITS, ...limits };
	}

	upgrade(request: UpgradeRequest): MaybePromise<UpgradeAnswer> {
		this.requests.push(request);
		return this.answer(request);
	}

	preflight(request: UpgradeRequest): MaybePromise<UpgradeAnswer> {
		this.preflights.push(request);
		return this.answer(request);
	}

	allows(request: UpgradeRequest): boolean {
		return isAllowedOrigin(request, ['https://other.example']);
	}

	open(socket: Socket, data: ConnectionData): Connection {
		const connection = { id: `c${this.opened.all.length}` } as Connection;
		this.#sockets.set(connection, socket);
		this.opened.push({ connection, socket, data });
		this.onOpen(socket);
		return connection;
	}

	message(connection: Connection, payload: Payload, byteLength: number): void {
		this.messages.push({ connection, payload, byteLength });
		this.onMessage(this.#sockets.get(connection)!);
	}

	drain(connection: Connection): void {
		this.drained.push(connection);
	}

	close(connection: Connection, code: number, reason: string): void {
		this.closed.push({ connection, code, reason });
	}
}

export function accept(responseHeaders: Record<string, string> = {}): UpgradeAnswer {
	return { ok: true, data: {}, responseHeaders };
}

export function refuse(status: number, code: string, reason: string): UpgradeAnswer {
	return { ok: false, status, code, reason };
}
