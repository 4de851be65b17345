/** What a built app, and the dev server, run on. */

export { createApp, type App, type AppDefinition, type AppOptions } from './app.ts';
export { embed, type Handler } from './embed.ts';
export { start, type RunningServer, type StartOptions } from './start.ts';
export type { KitServing } from './kit-serving.ts';
