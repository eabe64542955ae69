/** The exports of `holdfast/testing`, for tests of a server and its tools. */
export { createTestServer, type InProcessOptions } from './in-process-server.ts';
export { type StartOptions, startHoldfast } from './start-holdfast.ts';
export type { ConnectOptions, TestServer } from './test-client.ts';
export { visibleTools } from './visible-tools.ts';
