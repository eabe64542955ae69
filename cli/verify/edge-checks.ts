import { randomUUID } from 'node:crypto';
import { type Finding, fail, note, ok, summaryOf } from '../doctor/finding.ts';
import { isResponse, type Probe, type ProbeResult } from '../doctor/http-probe.ts';
import { postMcp, postModern } from '../doctor/mcp-era-checks.ts';
import { notChecked, type VerifyContext } from './verify-context.ts';

/** The script of the dashboard, which CloudFront compresses. */
export async function* checkDashboardFiles(origin: string, probe: Probe): AsyncGenerator<Finding> {
  const check = 'dashboard/script';
  const page = await probe(`${origin}/dashboard`);
  const path = isResponse(page) ? /<script type="module" src="([^"]+)"/.exec(page.body)?.[1] : undefined;
  if (path === undefined) {
    yield isResponse(page) && page.status === 404
      ? notChecked(check, 'the deployment has no dashboard')
      : fail(check, `the page is ${summaryOf(page)}`, {
          why: 'The dashboard does not load.',
          mend: 'Check the log of the Dashboard function.',
        });
    return;
  }
  const script = await probe(new URL(path, origin).href, { headers: { 'accept-encoding': 'gzip, br' } });
  const encoding = isResponse(script) ? (script.headers['content-encoding'] ?? 'identity') : 'none';
  yield isResponse(script) && script.status === 200 && !script.isPartial && isJavaScript(script.body)
    ? ok(check, `${script.body.length} characters of JavaScript, content-encoding ${encoding}`)
    : fail(check, `not JavaScript with content-encoding ${encoding}: ${summaryOf(script)}`, {
        why: 'Browsers show an empty dashboard.',
        mend: 'Report it: the response passes API Gateway and CloudFront otherwise than documented.',
      });
}

/** A decoded script has no control characters beyond ends of lines and tabs, and no replacement of an invalid byte. */
const isJavaScript = (body: string) => body.length > 0 && !/[^\P{Cc}\n\r\t]|\u{fffd}/u.test(body.slice(0, 4096));

const WARM_REQUESTS = 10;
const PARALLEL_REQUESTS = 5;

/** Times until the first byte, at this computer: of the first request, and the median of those that follow. */
async function timesOf(check: string, request: () => Promise<ProbeResult>): Promise<Finding> {
  const first = await request();
  const warm: number[] = [];
  for (let count = 0; count < WARM_REQUESTS; count++) {
    const result = await request();
    if (!isResponse(result)) return note(check, result.problem);
    warm.push(result.milliseconds);
  }
  if (!isResponse(first)) return note(check, first.problem);
  const median = warm.sort((a, b) => a - b)[WARM_REQUESTS / 2]!;
  return note(check, `first ${Math.round(first.milliseconds)} ms, then median ${Math.round(median)} ms`);
}

/** Stages that need no token: the edge, the gateway alone, and the authorizer, whose result for a new token is not cached. */
export async function* reportOpenTimes(url: string, metadataUrl: string, probe: Probe): AsyncGenerator<Finding> {
  const ping = { id: 50, method: 'ping' };
  yield await timesOf('times/metadata', () => probe(metadataUrl));
  yield await timesOf('times/gateway', () => probe(url, { method: 'POST', body: '{}' }));
  yield await timesOf('times/authorizer', () => postMcp(url, randomUUID(), probe, ping));
}

/** The whole request, and several at once, for which Lambda starts environments. */
export async function* reportMcpTimes(
  context: Pick<VerifyContext, 'url' | 'token' | 'probe'>,
): AsyncGenerator<Finding> {
  const { url, token, probe } = context;
  const discover = () => postModern(url, token, probe, { id: 51, method: 'server/discover' });
  yield await timesOf('times/mcp', discover);
  const parallel = await Promise.all(Array.from({ length: PARALLEL_REQUESTS }, discover));
  const slowest = Math.max(...parallel.map((result) => (isResponse(result) ? result.milliseconds : Infinity)));
  yield note('times/parallel', `${PARALLEL_REQUESTS} requests at once: slowest ${Math.round(slowest)} ms`);
}
