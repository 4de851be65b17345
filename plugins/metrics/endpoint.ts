/** The plugin's own endpoint, over the default registry of prom-client. */

import type { PluginKernel } from 'svelte-realtime/kernel';
import { checkOption } from '../checks.ts';
import { optionalPackage } from '../optional-package.ts';
import { createPage, listen } from './page.ts';
import type {} from './port.ts';
import { keptIn, registryOf, type MetricsRegistry } from './registry.ts';

export interface MetricsEndpoint {
	/** Begins with a slash, without the app's base path. @default '/metrics' */
	path?: string;
	/** Serves it on a port of its own, and not on that of the site, where everybody could read it. */
	port?: number;
	/** What the port is bound to. @default '0.0.0.0' */
	host?: string;
	/** Who reads it shows `Authorization: Bearer` and this; else it is 401. @default everybody may */
	token?: string;
}

/** @throws {RealtimeError} RT_OPTION_INVALID */
export function checkEndpoint({
	path = '/metrics',
	port,
	host = '',
	token = 'a'
}: MetricsEndpoint): void {
	const owner = 'metrics({ endpoint })';
	const isPath = typeof path === 'string' && /^\/[^?#\s]*$/.test(path);
	checkOption(isPath, 'path', owner, path, 'a path that begins with a slash');
	const isPort = port === undefined || (Number.isInteger(port) && port >= 0 && port <= 65_535);
	checkOption(isPort, 'port', owner, port, 'a whole number from 0 to 65535');
	checkOption(typeof host === 'string', 'host', owner, host, 'an address');
	// An empty one is a variable that is not set, and would let in whoever shows nothing.
	const isToken = typeof token === 'string' && token.length > 0;
	checkOption(isToken, 'token', owner, typeof token, 'a text that is not empty');
}

/** What is counted for the endpoint. */
export interface OwnRegistry {
	readonly source: object;
	readonly registry: MetricsRegistry;
}

/**
 * Opens it. The metrics of the process are put into the registry, unless the app has done so.
 *
 * @throws {RealtimeError} RT_PACKAGE_MISSING
 */
export async function openEndpoint(
	kernel: PluginKernel<'rpc', 'metrics.page'>,
	{ path = '/metrics', port, host = '0.0.0.0', token }: MetricsEndpoint
): Promise<OwnRegistry> {
	const { default: prom } = await optionalPackage(
		'metrics({ endpoint })',
		'prom-client',
		() => import('prom-client')
	);
	const { register } = prom;
	if (!register.getSingleMetric('process_cpu_seconds_total')) prom.collectDefaultMetrics();
	const page = createPage({
		path,
		token,
		read: () => register.metrics(),
		contentType: register.contentType,
		report: kernel.report
	});
	if (port === undefined) kernel.provide('metrics.page', page);
	else {
		const { clock, report } = kernel;
		kernel.attach(() => listen({ page, port, host, clock, report }));
	}
	return { source: keptIn(prom), registry: registryOf(prom) };
}
