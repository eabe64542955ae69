import { setTimeout as pause } from 'node:timers/promises';
import { type Finding, fail, ok, summaryOf } from '../doctor/finding.ts';
import { isResponse, type ProbeResult } from '../doctor/http-probe.ts';
import { postMcp, postModern, resultIn } from '../doctor/mcp-era-checks.ts';
import { challengeText } from './header-checks.ts';
import { missingTool, noSession, notChecked, secondsSince, type VerifyContext } from './verify-context.ts';

/** The tools of docs/verify.md. */
export const verifyTools = { wait: 'verify_wait', task: 'verify_task', scope: 'verify_scope' } as const;

const callTool = (id: number, name: string, input: object) => ({
  id,
  method: 'tools/call',
  params: { name, arguments: input },
});

/** Whether the tool returned, and without an error. */
function hasReturned(response: ProbeResult): boolean {
  const result = resultIn(response);
  return Array.isArray(result?.content) && result.isError !== true;
}

/** A tool that sends nothing for longer than CloudFront and API Gateway hold an idle connection. */
export async function checkSilence(context: VerifyContext, era: '2025' | '2026'): Promise<Finding> {
  const { url, token, tools, legacy, silenceSeconds, patientProbe } = context;
  const check = `${era}/silence`;
  if (!tools.has(verifyTools.wait)) return missingTool(check, verifyTools.wait);
  const message = callTool(10, verifyTools.wait, { seconds: silenceSeconds });
  const startedAt = performance.now();
  let response: ProbeResult;
  if (era === '2026') response = await postModern(url, token, patientProbe, message);
  else if (legacy === undefined) return noSession(check);
  else response = await postMcp(url, token, patientProbe, message, legacy);
  const seconds = secondsSince(startedAt);
  if (hasReturned(response)) {
    const heartbeats = isResponse(response) ? Array.from(response.body.matchAll(/^: /gm)).length : 0;
    return ok(
      check,
      `the result of a tool silent for ${silenceSeconds} s after ${seconds} s, ${heartbeats} heartbeats`,
    );
  }
  return fail(check, `no result after ${seconds} s: ${summaryOf(response)}`, {
    why: 'Calls of slow tools fail, although the tool completes.',
    mend: 'Compare the seconds with the idle timeouts of CloudFront and API Gateway and with toolTimeout.',
  });
}

/** A long-running tool: the MCP function stores the task, and the worker function completes it. */
export async function checkTask({ url, token, tools, probe, cancel }: VerifyContext): Promise<Finding> {
  const check = '2026/task';
  if (!tools.has(verifyTools.task)) return missingTool(check, verifyTools.task);
  const extensions = { 'io.modelcontextprotocol/tasks': {} };
  const startedAt = performance.now();
  const remedy = { why: 'Long-running tools fail.', mend: 'Check the logs of the MCP and worker functions.' };
  const created = await postModern(url, token, probe, callTool(20, verifyTools.task, { seconds: 1 }), extensions);
  const taskId = resultIn(created)?.taskId;
  if (typeof taskId !== 'string') return fail(check, `no task: ${summaryOf(created)}`, remedy);
  const taskSeconds = secondsSince(startedAt);
  for (let id = 21; ; id++) {
    const task = await postModern(url, token, probe, { id, method: 'tasks/get', params: { taskId } }, extensions);
    const status = resultIn(task)?.status;
    const seconds = secondsSince(startedAt);
    if (status === 'completed') return ok(check, `created after ${taskSeconds} s, completed after ${seconds} s`);
    if (status !== 'working' || seconds > MOST_TASK_SECONDS || cancel.aborted) {
      return fail(check, `not completed after ${seconds} s: ${summaryOf(task)}`, remedy);
    }
    await pause(POLL_MILLISECONDS);
  }
}

/** A start of the worker function and its two retries take less. */
const MOST_TASK_SECONDS = 60;
const POLL_MILLISECONDS = 500;

/** A tool whose scope the token lacks, which is answered with the scope to request (MCP, step-up authorization). */
export async function* checkStepUp({ url, token, tools, legacy, probe }: VerifyContext): AsyncGenerator<Finding> {
  const checks = { legacy: '2025/step-up', modern: '2026/step-up' };
  if (!tools.has(verifyTools.scope)) {
    for (const check of Object.values(checks)) yield missingTool(check, verifyTools.scope);
    return;
  }
  const message = callTool(30, verifyTools.scope, {});
  yield stepUpFinding(checks.modern, await postModern(url, token, probe, message));
  yield legacy === undefined
    ? noSession(checks.legacy)
    : stepUpFinding(checks.legacy, await postMcp(url, token, probe, message, legacy));
}

function stepUpFinding(check: string, response: ProbeResult): Finding {
  if (hasReturned(response)) return notChecked(check, 'the token already has the scope (docs/verify.md)');
  if (!isResponse(response) || response.status !== 403) {
    return fail(check, summaryOf(response), {
      why: 'A client does not learn which scope to request.',
      mend: 'Check the log of the authorizer and the gateway response ACCESS_DENIED.',
    });
  }
  const found = `403, ${challengeText(response)}`;
  // The server answers a client of 2025, whose request names its tool only in the body, and API Gateway renames the header.
  const isComplete = response.headers['www-authenticate']?.includes('insufficient_scope') || check.startsWith('2025');
  return isComplete
    ? ok(check, found)
    : fail(check, found, {
        why: 'A client does not learn which scope to request.',
        mend: 'The gateway response ACCESS_DENIED has to send the challenge of the authorizer: deploy again.',
      });
}
