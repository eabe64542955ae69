/**
 * The parts of the MCP function that need the MCP SDK. The bundle has them in a file that is loaded with the first message
 * that the fast path does not answer.
 */
export { identifyClient } from '../sdk/client-identity.ts';
export { ServerStep } from '../server-step.ts';
export { TaskWorker } from '../tasks/task-worker.ts';
