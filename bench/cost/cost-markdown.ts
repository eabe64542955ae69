import type { Traffic } from './assumed-traffic.ts';
import { sumOf } from './bill.ts';
import type { Report } from './cost-report-data.ts';
import { markdownTable, money } from './number-text.ts';
import type { Stack } from './priced-stack.ts';
import { PRICES_OF, priceOf, REGION } from './prices.ts';
import { published } from './published-prices.ts';

/** The body of `docs/cost.md`, below its heading. */
export function asMarkdown(
  { traffic, budget, idle, calls, others, idleSum, callsSum, othersSum, perMillion }: Report,
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
  const counting = idle.find(({ what }) => what === 'looking for calls to count');
  return `Computed from list prices of ${REGION} on ${date}, before any free tier, from the synthesized template and from what the
functions ask of the table and the key service, which is counted. It is a computation, not a bill. Everything here is what
\`npm run bench:cost\` prints, which takes your own traffic too: \`npm run bench:cost -- --help\`.

**Idle: $${money(idleSum)} a month**, for the ${stack.keys} KMS keys${counting ? `, and $${money(sumOf([counting]))} for a function that looks every five minutes whether there are calls to count` : ''}.
The first two yearly rotations of ${rotatingKeys === 1 ? 'one of the keys' : `${rotatingKeys} keys`} add up to $${rotation} a month. The alarms and the dashboard of a \`prod\` stack are within
what CloudWatch has for nothing, ten and three in an account; where others have used that up, they are $1.00 and $3.00.

**A million calls of tools: $${money(callsSum)}** for what each of them does. The limit that this project sets itself is $${money(budget.atMost)}, and it is ${budget.met ? 'met' : 'not met yet'}.

${markdownTable(calls, 'sum', callsSum)}

**$${money(perMillion)} with all that comes with them**:

${markdownTable(others, 'with the calls', callsSum + othersSum)}

An account has some of all this for nothing each month. Where nothing else has used it up, that takes off $${money(-withFreeTier.freeSum)}.

${assumed(traffic)}

Not in it: Cognito (free for 10,000 monthly users, then $${priceOf('users').dollars} each), the firewall if you switch it on ($9 a month and
$0.60 a million), a client secret in Secrets Manager ($0.40 a month), cold starts, views of the dashboard
([\`data-model.md\`](data-model.md#what-a-view-costs)), and what your tools do.

What is published of others:

${published.map(({ name, figure, source, date: said }) => `- [${name}](${source}): ${figure} (${said})`).join('\n')}`;
}

function assumed(traffic: Traffic): string {
  const calls = traffic['calls-per-month'];
  const { dollars, per } = priceOf('writeUnits');
  const everyCall = ((calls - calls / traffic['calls-per-burst']) * dollars) / per;
  const number = (value: number) => value.toLocaleString('en');
  return `Assumed: ARM functions; the MCP function has 512 MB and takes ${traffic['request-milliseconds']} ms for a request, to which the time of your tools comes;
an assistant works in bursts of ${traffic['calls-per-burst']} calls and pauses for five minutes, so one request in ${traffic['calls-per-burst']} asks the authorizer,
moves the session's expiry, and takes a second write for its record; one call in ${traffic['calls-per-token']} needs a new token; a session has ${traffic['calls-per-session']} calls and begins with ${traffic['requests-to-connect']} requests;
${number(traffic['sign-ins-per-month'])} users sign in; answers of ${traffic['answer-kilobytes']} KB. The identity provider's tokens are as long as those of the local one; Cognito's
are longer, and cost a few write units more whenever they are renewed.

The second write says that the session had calls in these five minutes. Each process makes it for the first call of a session that it
records in them, and for each call that began before them: of tools that take a second, one in 300. If every call took two writes,
because assistants call once and pause, or tools take minutes, ${number(calls)} calls would cost $${money(everyCall)} more.`;
}
