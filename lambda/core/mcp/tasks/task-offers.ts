import type { Tool } from '@modelcontextprotocol/server';

/** The offers of a server with long-running tools beside its tools, in each era. */

/** Tasks (extension `io.modelcontextprotocol/tasks`, SEP-2663): a worker executes a request, and its client polls for it. */
export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

/** The tool by which a model of the 2025 era fetches the result of a long-running tool. */
export const RESULT_TOOL = 'task_result';

export const resultTool: Tool = {
  name: RESULT_TOOL,
  title: 'Fetch the result of a task',
  description:
    'Waits for a tool that still runs, and returns its result. Call it with the task that the tool has named.',
  inputSchema: { type: 'object', properties: { task: { type: 'string' } }, required: ['task'] },
  annotations: { readOnlyHint: true },
};
