export * as chat from './_chat';
