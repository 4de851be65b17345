/** Testing one plugin alone: the real kernel without a port, a native addon or a wait. */

export { settle, VirtualClock } from './clock.ts';
export {
	createTestKernel,
	provided,
	type ReceivedFrame,
	type TestConnection,
	type TestKernel,
	type TestKernelOptions
} from './kernel.ts';
export { FakeSocket, fakeTransport, type FakeTransport } from './transport.ts';
