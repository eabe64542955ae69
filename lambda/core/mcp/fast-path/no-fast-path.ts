import { ServerStep, type ServerStepDependencies } from '../server-step.ts';
import { TaskWorker, type TaskWorkerDependencies } from '../tasks/task-worker.ts';

/** `fastPath: false`: the MCP SDK answers every message. */
export const openServerStep = (dependencies: ServerStepDependencies): Pick<ServerStep, keyof ServerStep> =>
  new ServerStep(dependencies);

export const openTaskWorker = (dependencies: TaskWorkerDependencies): Pick<TaskWorker, 'work'> =>
  new TaskWorker(dependencies);
