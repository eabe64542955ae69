import { setTimeout as sleep } from 'node:timers/promises';
import {
  acceptedContent,
  type CallToolResult,
  type InputRequiredResult,
  inputRequired,
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server';
import * as z from 'zod/v4';

type Answer = CallToolResult | InputRequiredResult;

/** `longRunning` of the context: makes a handler that may take longer than a request. */
export type Long = <Input>(
  handler: (input: Input, context: ServerContext) => Answer | Promise<Answer>,
  /** `required`: a client without the Tasks extension is rejected instead of waiting. */
  options?: { required?: boolean },
) => (input: Input, context: ServerContext) => Answer | Promise<Answer>;

const nameForm = z.object({ name: z.string() });
const confirmForm = z.object({ confirm: z.boolean() });

const text = (value: string): CallToolResult => ({ content: [{ type: 'text', text: value }] });

/** Tools of the scenarios `tasks-*`: they become tasks for clients with the Tasks extension (SEP-2663). */
export function registerLongTools(server: McpServer, long: Long): void {
  server.registerTool(
    'slow_compute',
    {
      description: 'Takes its time, unless it is cancelled meanwhile',
      inputSchema: z.object({ seconds: z.number(), label: z.string().optional() }),
    },
    long(async ({ seconds, label }, { mcpReq }) => {
      await sleep(seconds * 1000, undefined, { signal: mcpReq.signal });
      return text(`Computed ${label ?? 'something'} for ${seconds} s`);
    }),
  );

  server.registerTool(
    'failing_job',
    { description: 'Fails after a second', inputSchema: z.object({}) },
    long(
      async () => {
        await sleep(1000);
        throw new Error('This job always fails');
      },
      { required: true },
    ),
  );

  server.registerTool(
    'protocol_error_job',
    { description: 'Ends with an error of the protocol', inputSchema: z.object({}) },
    long(() => {
      throw new ProtocolError(ProtocolErrorCode.InternalError, 'This job always fails with a protocol error');
    }),
  );

  server.registerTool(
    'confirm_delete',
    { description: 'Asks before it goes on', inputSchema: z.object({ filename: z.string() }) },
    long(({ filename }, { mcpReq }) => {
      const answer = acceptedContent(mcpReq.inputResponses, 'confirm', confirmForm);
      if (answer) return text(answer.confirm ? `Deleted ${filename}` : `Kept ${filename}`);
      const message = `Delete ${filename}?`;
      return inputRequired({
        inputRequests: { confirm: inputRequired.elicit({ message, requestedSchema: confirmForm }) },
      });
    }),
  );

  server.registerTool(
    'multi_input',
    { description: 'Asks two things at once, which may be answered one by one', inputSchema: z.object({}) },
    long((_, { mcpReq }) => {
      const user = acceptedContent(mcpReq.inputResponses, 'user_name', nameForm);
      const answer = acceptedContent(mcpReq.inputResponses, 'confirm', confirmForm);
      if (user && answer) return text(`${user.name} said ${answer.confirm ? 'yes' : 'no'}`);
      return inputRequired({
        inputRequests: {
          user_name: inputRequired.elicit({ message: 'What is your name?', requestedSchema: nameForm }),
          confirm: inputRequired.elicit({ message: 'Go on?', requestedSchema: confirmForm }),
        },
      });
    }),
  );

  // The elicitation is part of the request; the tool becomes a task afterwards.
  server.registerTool(
    'test_tool_with_task',
    { description: 'Asks for a name and then takes its time', inputSchema: z.object({}) },
    (input, context) => {
      const user = acceptedContent(context.mcpReq.inputResponses, 'user_name', nameForm);
      if (!user) {
        const user_name = inputRequired.elicit({ message: 'What is your name?', requestedSchema: nameForm });
        return inputRequired({ inputRequests: { user_name } });
      }
      return long(
        async () => {
          await sleep(500);
          return text(`Done for ${user.name}`);
        },
        { required: true },
      )(input, context);
    },
  );
}
