/** An instance in a process of its own: what it is told, and what it says. */

import { serveInstance, type InstanceOptions } from './instance.ts';
import type { DeliveryRecord, PublishRecord } from './oracle.ts';

export interface Told {
	readonly topic: string;
	readonly id: string;
}

export type Said =
	| { readonly port: number }
	| { readonly delivered: DeliveryRecord }
	| { readonly published: PublishRecord };

const say = (said: Said): void => void process.send!(said);
const options = JSON.parse(process.argv[2]!) as InstanceOptions;
const instance = await serveInstance(options, (delivered) => say({ delivered }));

process.on('message', ({ topic, id }: Told) => {
	void instance.publish(topic, id).then((published) => say({ published }));
});
process.on('SIGTERM', () => {
	void instance.close().then(() => process.exit(0));
});
process.on('disconnect', () => process.exit(0));
say({ port: instance.port });
