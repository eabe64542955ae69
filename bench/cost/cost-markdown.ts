import type { Traffic } from './assumed-traffic.ts';
import { type Line, REVOCATION_SCHEDULE, sumOf } from './bill.ts';
import type { Report } from './cost-report-data.ts';
import { markdownTable, money } from './number-text.ts';
import type { Stack } from './priced-stack.ts';
import { PRICES_OF, priceOf, REGION } from './prices.ts';
import { published } from './published-prices.ts';

/** The body of `docs/cost.md`, below its heading. */
export function asMarkdown(
  { traffic, budget, idle, calls, others, idleSum, callsSum, othersSum, perMillion, telemetry }: Report,
  stack: Stack,
  withFreeTier: Pick<Report, 'freeSum'>,
): string {
  const date = new Date(PRICES_OF).toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    timeZone: 'UTC',
  });
  const { rotatingKeys } = stack;
  const rotation = money(rotatingKeys * 2 * priceOf('keys').dollars);
  const aggregation = idle.find(({ what }) => what === 'schedule of the aggregation job');
  const revocations = idle.find(({ what }) => what === REVOCATION_SCHEDULE);
  return `This is a computation, not a bill: list prices of ${REGION} on ${date}, before any free tier, applied to the
synthesized template and to the counted requests of the functions to DynamoDB and KMS. \`npm run bench:cost\` prints it, also for your
own traffic: \`npm run bench:cost -- --help\`.

## Idle

**$${money(idleSum)} a month**: $${money(sumOf(idle.filter(({ what }) => what === 'KMS keys')))} for the ${stack.keys} KMS keys${aggregation ? `, and $${money(sumOf([aggregation]))} for the aggregation job, which runs every five minutes` : ''}${revocations ? `, and $${money(sumOf([revocations]))} for the search for revocations at the identity provider, every minute` : ''}.
The first two yearly rotations of ${rotatingKeys === 1 ? 'one of the keys' : `${rotatingKeys} keys`} add up to $${rotation} a month. The alarms and the CloudWatch dashboard of a \`prod\` stack
are within the free quota of ten alarms and three dashboards in an account; if others have used it up, they cost $1.00 and $3.00.

## A million tool calls

**$${money(callsSum)}** for the calls themselves. The budget of this project is $${money(budget.atMost)}, and it is ${budget.met ? 'met' : 'not met yet'}.

${markdownTable(calls, 'sum', callsSum)}

**$${money(perMillion)}** with sessions, sign-in, aggregation, storage and transfer:

${markdownTable(others, 'with the calls', callsSum + othersSum)}

The monthly free tier of an account, if nothing else uses it, reduces this by $${money(-withFreeTier.freeSum)}.

The export of [telemetry](observability.md) adds $${money(telemetry.idle)} a month, and $${money(telemetry.others)} to a million calls, most of it for the transfer of
their spans to the internet. The endpoint has its own price, and the secret with its headers is $0.40 a month.

## Where the rest could be saved

${savings(calls, callsSum)}

## Assumptions

${assumed(traffic, stack)}

Not included: Cognito (free for 10,000 monthly users, then $${priceOf('users').dollars} each), the optional firewall ($10 a month and $0.60 a
million requests), a client secret in Secrets Manager ($0.40 a month), views of the dashboard
([\`data-model.md\`](data-model.md#cost-of-a-view)), and the work of your tools.

## Published prices of others

${published.map(({ name, figure, source, date: published }) => `- [${name}](${source}): ${figure} (${published})`).join('\n')}`;
}

/** Considered, and not part of the default deployment. */
function savings(calls: readonly Line[], callsSum: number): string {
  const dollars = (...names: string[]) => sumOf(calls.filter(({ what }) => names.includes(what)));
  const [reads, logs] = [dollars('DynamoDB, reads of session and grant'), dollars('logs')];
  const withoutGateway = callsSum - dollars('API Gateway', 'Lambda, authorizer');
  return `- **The log class Infrequent Access**, the setting [\`accessLogClass\`](settings.md): $${money(logs / 2)} less. That class has [fewer
  features](operate.md#the-class-of-the-access-log): two widgets of the CloudWatch dashboard stay empty, and there is no live tail. CloudWatch
  cannot change the class of a log group, so an existing deployment keeps the class of its log.
- **Eventually consistent reads of the session**, beside a consistent read of the grant: $${money(reads / 4)} less, half a read unit of each call.
  A \`BatchGetItem\` has one consistency for all items of a table, so the two reads would be two requests in place of one: 0.3 to 0.6 ms of
  CPU more ([\`performance.md\`](performance.md#optimizations)), and the wait for the slower one. PartiQL has a consistency for each statement of a
  batch. In both, a session that its client or an operator has ended would be accepted a moment longer, where MCP demands 404, and a
  log level or a subscription would not apply to the next request.
- **A function URL in place of API Gateway**: about $${money(withoutGateway)} in place of $${money(callsSum)}, with the token verified in the MCP function. It is
  not the default because clients would find no sign-in: Lambda renames \`WWW-Authenticate\` of a function URL, and CloudFront does not run
  a function for a 401 that could restore it. CloudFront signs requests to a function URL only if clients send the digest of their
  body, which MCP clients do not, so the URL would be public. Every request without a token, and every request that a rate limit would
  reject, would start and pay the MCP function. There would be no throttle, no access log and no AWS WAF in the region.`;
}

function assumed(traffic: Traffic, { extensionSeconds }: Stack): string {
  const calls = traffic['calls-per-month'];
  const { dollars, per } = priceOf('writeUnits');
  const everyCall = ((calls - calls / traffic['calls-per-burst']) * dollars) / per;
  const number = (value: number) => value.toLocaleString('en');
  const extensionMinutes = extensionSeconds / 60;
  return `- ARM functions; the MCP function has 512 MB and takes ${traffic['request-milliseconds']} ms for a request. Add the time of your tools.
- An assistant works in bursts of ${traffic['calls-per-burst']} calls and pauses for five minutes, so one request in ${traffic['calls-per-burst']} invokes the authorizer
  and takes a second write for its audit log entry. The next burst begins ${traffic['minutes-per-burst']} minutes after the last one, and a session of 24
  hours is extended once in ${extensionMinutes} minutes, so one burst in ${Math.ceil(extensionMinutes / traffic['minutes-per-burst'])} extends it.
- One call in ${traffic['calls-per-cold-start']} meets a cold MCP function, and as many a cold authorizer. Lambda charges the initialization, estimated at ${traffic['cold-start-milliseconds']} and
  ${traffic['authorizer-cold-start-milliseconds']} ms: those of Node.js and of the code ([\`performance.md\`](performance.md)).
- One call in ${traffic['calls-per-token']} needs a new token; a session has ${traffic['calls-per-session']} calls and begins with ${traffic['requests-to-connect']} requests;
  ${number(traffic['sign-ins-per-month'])} users sign in; responses have ${traffic['answer-kilobytes']} KB.
- Upstream tokens are as long as those of the local provider; Cognito's are longer, and each renewal costs a few write units more.

The second write is the marker of a session with calls in these five minutes. Each process writes it for the first call of a
session that it records in them, and for each call that began before them: of tools that take a second, one in 300. If every call
took two writes, because assistants call once and pause, or tools take minutes, ${number(calls)} calls would cost $${money(everyCall)} more.`;
}
