/** Channels: topics whose events are checked, whoever publishes them. */

import {
	chain,
	definePlugin,
	LiveError,
	RealtimeError,
	type MaybePromise,
	type Plugin,
	type PublishResult
} from 'svelte-realtime/kernel';
import type { LiveContext } from 'svelte-realtime/plugins/rpc';
import { checkedData, ignorable, toOutcome, type Said } from '../events.ts';
import { refusalOf } from '../refusal.ts';
import type { ChannelDeclaration, ChannelFacts } from './declare.ts';
import { Gate } from './gate.ts';

export {
	channel,
	type ChannelDeclaration,
	type ChannelFacts,
	type ChannelMerge,
	type ChannelOptions,
	type ChannelValue,
	type LiveChannel
} from './declare.ts';
export { serverChannel } from './server-stub.ts';

/** For `live.channel()`, whose members are the way to use a channel. */
export interface Channels {
	/** Makes a channel's topic known. @throws {RealtimeError} RT_OPTION_INVALID */
	'~topic'(channel: ChannelFacts, topic: string): string;
	/** Publishes for the server. @throws {LiveError} INVALID_REQUEST, VALIDATION, INVALID_TOPIC. */
	'~publish'(
		ctx: LiveContext,
		declaration: ChannelDeclaration,
		said: Said
	): MaybePromise<PublishResult>;
	/** Publishes for a client. @throws {LiveError} also what the gates of the topic say. */
	'~receive'(ctx: LiveContext, declaration: ChannelDeclaration, said: Said): MaybePromise<void>;
}

declare module 'svelte-realtime/kernel' {
	interface Capabilities {
		channels: Channels;
	}
}

/**
 * Checks what is published to the topics of channels.
 *
 * Requires `rpc`, whose live modules it looks at. A frame that does not fit is rejected before it is
 * numbered: INVALID_REQUEST for an event that the channel does not have, VALIDATION for its data.
 */
export function channels(): Plugin<'rpc', 'channels'> {
	return definePlugin({
		name: 'channels',
		requires: ['rpc'],
		provides: ['channels'],
		setup(kernel) {
			const gate = new Gate(kernel);
			kernel.attach(() =>
				kernel.use('rpc').watch((declarations) => {
					const found = new Set<ChannelFacts>();
					for (const declaration of declarations) {
						if (isChannel(declaration)) found.add(declaration.channel);
					}
					gate.mount(found);
				})
			);

			function topicOf(ctx: LiveContext, { topic }: ChannelDeclaration, args: readonly unknown[]) {
				const name: unknown = typeof topic === 'function' ? topic(ctx, ...args) : topic;
				if (typeof name !== 'string') {
					throw new RealtimeError('RT_STREAM_TOPIC', [ctx.path, typeof name]);
				}
				if (name.startsWith('__')) throw new LiveError('INVALID_TOPIC');
				return name;
			}

			function publish(
				ctx: LiveContext,
				declaration: ChannelDeclaration,
				{ event, data, args }: Said
			): MaybePromise<PublishResult> {
				const topic = topicOf(ctx, declaration, args);
				const checked = checkedData(declaration.channel.events, event, data);
				const { checked: mark } = gate;
				const result = chain(checked, (output) =>
					ctx.publish(topic, event as string, output, { mark })
				);
				return ignorable(result);
			}

			kernel.provide('channels', {
				'~topic'(channel, topic) {
					if (typeof topic === 'string') gate.know(topic, channel);
					return topic;
				},
				'~publish': publish,
				'~receive'(ctx, declaration, said) {
					// Who may not follow the topic may not speak there either.
					const wish = kernel.subscribe(ctx.connection, topicOf(ctx, declaration, said.args));
					return chain(wish.verdict, (denial) => {
						wish.leave();
						if (denial) throw refusalOf(denial);
						return chain(publish(ctx, declaration, said), toOutcome);
					});
				}
			});
		}
	});
}

function isChannel(declaration: object): declaration is ChannelDeclaration {
	return 'flavour' in declaration && declaration.flavour === 'channel';
}
