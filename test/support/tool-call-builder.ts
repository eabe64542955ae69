import type { ToolCall } from '../../lambda/core/audit/tool-call.ts';

/** A successful call of ada, with the given differences. */
export const toolCall = (change: Pick<ToolCall, 'id' | 'at'> & Partial<ToolCall>): ToolCall => ({
  user: 'ada',
  client: 'dcr_1',
  grant: 'grant',
  session: 'session',
  era: 'legacy',
  method: 'tools/call',
  tool: 'note',
  outcome: 'success',
  milliseconds: 10,
  bytesIn: 1,
  bytesOut: 1,
  ...change,
});
