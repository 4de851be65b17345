export { single, type SingleCapability, type SingleOptions } from './single.ts';
