import { compactVerify, createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { type Finding, fail, note, ok, summaryOf } from './finding.ts';
import { isResponse, jsonObjectIn, type Probe, type ProbeResult } from './http-probe.ts';
import { CHECK_MCP_LOG, postModern, resultIn } from './mcp-era-checks.ts';

/**
 * Whether a published key verifies the access token, as the authorizer requires.
 * @param isOwn whether the deployment is its own authorization server
 * @returns undefined for an opaque token, which a provider in direct mode may issue, and without a key set
 */
export async function checkSigningKey(
  accessToken: string,
  keys: ProbeResult | undefined,
  isOwn: boolean,
): Promise<Finding | undefined> {
  const check = 'sign-in/key';
  const keySet = jsonObjectIn(keys);
  if (!Array.isArray(keySet?.keys) || accessToken.split('.').length !== 3) return undefined;
  try {
    await compactVerify(accessToken, createLocalJWKSet(keySet as unknown as JSONWebKeySet));
    return ok(check, 'a published key verifies the access token');
  } catch (error) {
    return fail(check, `no published key verifies the access token: ${(error as Error).message}`, {
      why: isOwn
        ? 'Programs that verify access tokens by the published keys reject them.'
        : 'Every token is rejected, and users sign in again and again.',
      mend: isOwn
        ? 'A cache in front holds other keys: invalidate /jwks.json. Otherwise check signingKeys, and deploy again.'
        : 'The provider publishes other keys than those it signs with: check jwksUri and issuer of identityProvider.',
    });
  }
}

/** The tool of docs/verify.md, which reports progress at once and then waits. */
const WAITING_TOOL = { name: 'verify_wait', arguments: { seconds: 2 } };
/** A buffering proxy sends the parts of a stream together. */
const TOGETHER_MILLISECONDS = 50;
const SHORTEST_CALL_MILLISECONDS = 400;

/**
 * Whether the progress of a tool arrives before its result.
 * @param tool works for a second or longer, and needs no arguments. @default `verify_wait`, if the server has it
 */
export async function checkProgress(url: string, token: string, probe: Probe, tool?: string): Promise<Finding> {
  const check = '2026/progress';
  const call = tool === undefined ? await waitingTool(url, token, probe) : { name: tool, arguments: {} };
  if (call === undefined) return note(check, 'not checked: name a tool that reports progress with --progress-tool');
  const params = { ...call, _meta: { progressToken: 'doctor' } };
  const response = await postModern(url, token, probe, { id: 6, method: 'tools/call', params });
  if (!isResponse(response) || resultIn(response) === undefined) {
    return fail(check, summaryOf(response), { why: 'A tool that reports progress fails.', mend: CHECK_MCP_LOG });
  }
  const { first = 0, last = 0 } = response.bodyMilliseconds ?? {};
  if (!response.body.includes('notifications/progress')) return note(check, `${call.name} has reported no progress`);
  if (last - first >= TOGETHER_MILLISECONDS) {
    return ok(check, `progress arrives ${Math.round(last - first)} ms before the result`);
  }
  if (last < SHORTEST_CALL_MILLISECONDS) return note(check, `not checked: ${call.name} completes too soon`);
  return fail(check, `progress arrives with the result, after ${Math.round(last)} ms`, {
    why: 'Users see no progress, and clients that wait for it time out.',
    mend: 'Turn off buffering of responses in the proxy in front of the API (nginx: proxy_buffering off).',
  });
}

async function waitingTool(url: string, token: string, probe: Probe) {
  const tools = resultIn(await postModern(url, token, probe, { id: 5, method: 'tools/list' }))?.tools;
  const hasTool = Array.isArray(tools) && tools.some((tool) => tool?.name === WAITING_TOOL.name);
  return hasTool ? WAITING_TOOL : undefined;
}
