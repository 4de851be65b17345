/** The kernel's public surface, which plugins import and augment. */

export { ASK_HEADER } from './asking.ts';
export type { Capabilities, CapabilityName } from './capabilities.ts';
export { systemClock, type Clock } from './clock.ts';
export {
	CLOSE,
	CODES,
	deny,
	isRetryable,
	messageOf,
	statusOf,
	willReconnect,
	type Denial,
	type DenialCode,
	type KnownCode
} from './codes.ts';
export {
	checkConfig,
	defineConfig,
	pluginsOf,
	presetOf,
	type RealtimeConfig,
	type Register
} from './config.ts';
export type { Connection } from './connection.ts';
export type {
	CloseContext,
	ConnectionContext,
	ConnectionData,
	EncodedValue,
	LimitedContext,
	MessageContext,
	Position,
	PublishContext,
	PublishedContext,
	SubscribeContext,
	TopicClass,
	TopicContext,
	UpgradeContext,
	UpgradePurpose,
	UpgradeRequest
} from './contexts.ts';
export { declarationOf, declared, type Declaration, type Guard } from './declaration.ts';
export { RealtimeError, type ErrorCode } from './errors.ts';
export { randomId } from './ids.ts';
export { createKernel, type Kernel, type KernelOptions } from './kernel.ts';
export { LIMITS, type LimitName, type Limits } from './limits.ts';
export {
	isLiveError,
	LiveError,
	toWireError,
	type Issue,
	type LiveErrorOptions,
	type WireError
} from './live-error.ts';
export type { Origins } from './origin.ts';
export {
	definePlugin,
	type HookName,
	type HookOptions,
	type KernelHooks,
	type OutboundFrame,
	type Plugin,
	type PluginKernel,
	type ProvidedBy,
	type PublishOptions,
	type PublishResult
} from './plugin.ts';
export {
	encode,
	encodeRecord,
	encodeReply,
	idOf,
	PROTOCOL,
	type EventRecord,
	type Frame,
	type FrameOf,
	type Frames,
	type FrameType,
	type RawFrame
} from './protocol.ts';
export type { RequestEvent } from './request-event.ts';
export { readToken, subprotocols } from './token.ts';
export { chain, DEFERRED, DROP, HANDLED, isThenable, TAKEN, type Verdict } from './run.ts';
export type { Subscription } from './subscriptions.ts';
export { isTopic } from './topics.ts';
export type {
	MaybePromise,
	Payload,
	SendStatus,
	Socket,
	Transport,
	TransportHost,
	UpgradeAnswer
} from './transport.ts';
export { createValueCodec, type TransportHook, type ValueCodec } from './values.ts';
export type { Variant } from './variants.ts';
