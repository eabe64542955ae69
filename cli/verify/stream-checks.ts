import { setTimeout as pause } from 'node:timers/promises';
import { type Finding, fail, ok } from '../doctor/finding.ts';
import { problemOf } from '../doctor/http-probe.ts';
import { verifyTools } from './tool-checks.ts';
import { missingTool, noSession, type VerifyContext } from './verify-context.ts';

type StreamEvent = { id?: string; retry?: number; data?: string };

/** Long enough to drop the connection while the tool works. */
const TOOL_SECONDS = 3;
/** The server detects the death of the process of a call after 20 seconds, and holds one resumed response as long. */
const MOST_MILLISECONDS = 60_000;
const CALL_ID = 40;

/** A stream whose connection is dropped during a call, and resumed with `Last-Event-ID` (MCP 2025-11-25, resumability). */
export async function checkResumption({ url, token, tools, legacy, cancel }: VerifyContext): Promise<Finding> {
  const check = '2025/resume';
  if (!tools.has(verifyTools.wait)) return missingTool(check, verifyTools.wait);
  if (legacy === undefined) return noSession(check);
  const timeout = AbortSignal.timeout(MOST_MILLISECONDS);
  const signal = AbortSignal.any([timeout, cancel]);
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json, text/event-stream', ...legacy };
  const params = { name: verifyTools.wait, arguments: { seconds: TOOL_SECONDS }, _meta: { progressToken: CALL_ID } };
  const failed = (found: string) =>
    fail(check, found, {
      why: 'A call whose connection breaks has no result.',
      mend: 'Check the log of the MCP function, and whether a proxy in front of the API buffers streams.',
    });
  try {
    const call = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: CALL_ID, method: 'tools/call', params }),
      signal,
    });
    const first = await firstEventId(call);
    if (first === undefined) return failed(`the call was answered with ${call.status} and no event id`);
    let last: string = first;
    for (let requests = 1; ; requests++) {
      const resumed = await fetch(url, { headers: { ...headers, 'last-event-id': last }, signal });
      if (!resumed.ok) {
        await resumed.body?.cancel();
        return failed(`GET with Last-Event-ID was answered with ${resumed.status}`);
      }
      let retry = 0;
      for await (const event of eventsOf(resumed)) {
        if (isResponseTo(CALL_ID, event)) {
          return ok(check, `the result arrived after the connection was dropped, in ${requests} requests`);
        }
        last = event.id ?? last;
        retry = event.retry ?? retry;
      }
      await pause(retry, undefined, { signal });
    }
  } catch (error) {
    return failed(`the resumed stream has no result: ${problemOf(error, MOST_MILLISECONDS)}`);
  }
}

/** Leaving the loop cancels the body, which drops the connection. */
async function firstEventId(response: Response): Promise<string | undefined> {
  for await (const { id } of eventsOf(response)) if (id !== undefined) return id;
  return undefined;
}

async function* eventsOf(response: Response): AsyncGenerator<StreamEvent> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    const blocks = (text + decoder.decode(chunk, { stream: true })).split('\n\n');
    text = blocks.pop()!;
    yield* blocks.map(eventIn);
  }
}

function eventIn(block: string): StreamEvent {
  const event: StreamEvent = {};
  for (const [, field, value] of block.matchAll(/^(id|retry|data): ?(.*)$/gm)) {
    if (field === 'retry') event.retry = Number(value);
    else event[field as 'id' | 'data'] = value!;
  }
  return event;
}

/** Whether the event has a result of a tool, and not the error that the call was interrupted. */
function isResponseTo(id: number, { data }: StreamEvent): boolean {
  if (!data) return false;
  const message = JSON.parse(data) as { id?: unknown; result?: { isError?: boolean }; error?: { message: string } };
  if (message.id !== id) return false;
  if (message.error !== undefined) throw new Error(message.error.message);
  return message.result?.isError !== true;
}
