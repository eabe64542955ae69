import { checkCaching } from './challenge-checks.ts';
import { type Finding, fail, ok, type Remedy, summaryOf, warn } from './finding.ts';
import { isResponse, type Probe, type ProbeResponse, type ProbeResult } from './http-probe.ts';

export const CHECK_MCP_LOG = 'Check the log of the MCP function (docs/operate.md).';

/** The remedy when a request with a valid token gets the 401 of a request without one. */
const TOKEN_NOT_ACCEPTED: Remedy = {
  why: 'Clients sign in again and again.',
  mend: 'Let the proxy in front of the API forward Authorization. If it does, look for token_rejected in the log of the authorizer.',
};

const remedyOf = (response: ProbeResult, other: Remedy): Remedy =>
  isResponse(response) && response.status === 401 ? TOKEN_NOT_ACCEPTED : other;

const clientInfo = { name: 'holdfast-doctor', version: '1' };

export const postMcp = (
  url: string,
  token: string,
  probe: Probe,
  message: object,
  headers: Record<string, string> = {},
): Promise<ProbeResult> =>
  probe(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  });

/** The response to `initialize`; the version and the headers of later requests, if the server answered it. */
export async function initializeLegacy(url: string, token: string, probe: Probe) {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  const response = await postMcp(url, token, probe, { id: 1, method: 'initialize', params });
  const version = resultIn(response)?.protocolVersion;
  if (typeof version !== 'string') return { response };
  const session = (response as ProbeResponse).headers['mcp-session-id'];
  const headers = { 'mcp-protocol-version': version, ...(session !== undefined && { 'mcp-session-id': session }) };
  await postMcp(url, token, probe, { method: 'notifications/initialized' }, headers);
  return { response, version, session, headers };
}

export const terminateSession = (url: string, token: string, probe: Probe, headers: Record<string, string>) =>
  probe(url, { method: 'DELETE', headers: { authorization: `Bearer ${token}`, ...headers } });

/** The legacy era: `initialize` and a session (MCP 2025-11-25). */
export async function* checkLegacyEra(url: string, token: string, probe: Probe): AsyncGenerator<Finding> {
  const { response, version, session, headers } = await initializeLegacy(url, token, probe);
  if (version === undefined) {
    const remedy = { why: 'Most clients send this request first.', mend: CHECK_MCP_LOG };
    yield fail('2025/initialize', summaryOf(response), remedyOf(response, remedy));
    return;
  }
  yield session === undefined
    ? warn('2025/initialize', `${version}, without a session`, {
        why: 'The server keeps no state between requests.',
        mend: 'Check whether a proxy in front of the API removes Mcp-Session-Id.',
      })
    : ok('2025/initialize', `${version}, with a session`);
  yield checkCaching('2025/cache', [response]);
  const tools = await postMcp(url, token, probe, { id: 2, method: 'tools/list' }, headers);
  if (session !== undefined && isResponse(tools) && tools.status === 400 && /mcp-session-id/i.test(tools.body)) {
    yield fail('2025/session', 'the server has received no Mcp-Session-Id', {
      why: 'Every request after initialize fails.',
      mend: 'Let the proxy in front of the API forward Mcp-Session-Id, in both directions.',
    });
    return;
  }
  yield toolsFinding('2025/tools', tools);
  if (session === undefined) return;
  const ended = await terminateSession(url, token, probe, headers);
  yield isResponse(ended) && ended.status < 300
    ? ok('2025/end', 'the session is terminated')
    : warn('2025/end', summaryOf(ended), { why: 'Sessions stay until they expire.', mend: CHECK_MCP_LOG });
}

const MODERN_VERSION = '2026-07-28';

/** Sends a request of 2026-07-28. @param extensions that the client supports */
export function postModern(
  url: string,
  token: string,
  probe: Probe,
  message: { id: number; method: string; params?: Record<string, unknown> },
  extensions: Record<string, object> = {},
): Promise<ProbeResult> {
  const { id, method, params = {} } = message;
  const _meta = {
    ...(params._meta as object | undefined),
    'io.modelcontextprotocol/protocolVersion': MODERN_VERSION,
    'io.modelcontextprotocol/clientInfo': clientInfo,
    'io.modelcontextprotocol/clientCapabilities': { extensions },
  };
  const name = params.name ?? params.taskId;
  return postMcp(
    url,
    token,
    probe,
    { id, method, params: { ...params, _meta } },
    {
      'mcp-protocol-version': MODERN_VERSION,
      'mcp-method': method,
      ...(typeof name === 'string' && { 'mcp-name': name }),
    },
  );
}

/** The modern era: `server/discover` and no session (MCP 2026-07-28). */
export async function* checkModernEra(url: string, token: string, probe: Probe): AsyncGenerator<Finding> {
  const discovered = await postModern(url, token, probe, { id: 3, method: 'server/discover' });
  const versions = resultIn(discovered)?.supportedVersions;
  if (!Array.isArray(versions)) {
    const remedy = {
      why: 'Modern clients send this request first, and fall back to the legacy era or fail.',
      mend: `Check whether a proxy in front of the API removes MCP-Protocol-Version or Mcp-Method. ${CHECK_MCP_LOG}`,
    };
    yield fail('2026/discover', summaryOf(discovered), remedyOf(discovered, remedy));
    return;
  }
  yield ok('2026/discover', versions.join(', '));
  yield toolsFinding('2026/tools', await postModern(url, token, probe, { id: 4, method: 'tools/list' }));
}

/** A GET, by which legacy clients listen: an immediate 405, or a stream. */
export async function* checkListening(url: string, token: string, probe: Probe): AsyncGenerator<Finding> {
  const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' };
  const result = await probe(url, { headers });
  if (isResponse(result) && result.status === 405) {
    yield ok('2025/listen', 'rejected at once (405), so clients do not reconnect');
  } else if (isResponse(result) && result.status === 200 && isEventStream(result)) {
    yield ok('2025/listen', 'a stream');
  } else {
    const remedy = {
      why: 'Clients reconnect again and again, or wait (405 is the response they understand).',
      mend: 'Check the proxy in front of the API.',
    };
    yield fail('2025/listen', summaryOf(result), remedyOf(result, remedy));
  }
}

const isEventStream = ({ headers }: ProbeResponse) => headers['content-type']?.startsWith('text/event-stream') === true;

/** The result of a JSON-RPC response, from a JSON body or from an event of a stream. */
export function resultIn(response: ProbeResult): Record<string, unknown> | undefined {
  if (!isResponse(response) || response.status !== 200) return undefined;
  const messages = isEventStream(response)
    ? Array.from(response.body.matchAll(/^data: ?(.+)$/gm), ([, data]) => data!)
    : [response.body];
  for (const message of messages) {
    try {
      const { result } = JSON.parse(message) as { result?: Record<string, unknown> };
      if (result !== undefined) return result;
    } catch {
      // A truncated event, or not JSON: it has no result.
    }
  }
  return undefined;
}

function toolsFinding(check: string, response: ProbeResult): Finding {
  const tools = resultIn(response)?.tools;
  return Array.isArray(tools)
    ? ok(check, `${tools.length} tools`)
    : fail(check, summaryOf(response), { why: 'A client finds no tools.', mend: CHECK_MCP_LOG });
}
