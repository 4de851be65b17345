/** Testing one plugin alone: the real kernel without a port, a native addon or a wait. */

export type { TestBus } from './bus.ts';
export { settle, VirtualClock } from './clock.ts';
export { createTestCluster, type TestCluster } from './cluster.ts';
export type { FollowedEvent, FollowedStream, ReceivedFrame, TestConnection } from './connection.ts';
export { createTestKernel, provided, type TestKernel, type TestKernelOptions } from './kernel.ts';
export { endTestKernels } from './leaks.ts';
export { FakeSocket, fakeTransport, type FakeTransport } from './transport.ts';
