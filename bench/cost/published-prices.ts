/** Published prices of other implementations, by their makers or by third parties. None is measured here. */
export type Published = { name: string; figure: string; source: string; date: string };

export const published: readonly Published[] = [
  {
    name: 'Amazon Bedrock AgentCore Gateway',
    figure: '$5 per million tool calls, the function behind it not counted',
    source: 'https://blog.serverworks.co.jp/agentcore_gateway-pricing',
    date: 'March 2026',
  },
  {
    name: 'AWS guidance for MCP servers (containers behind a load balancer)',
    figure: '$194.18 a month, of which about $96 when idle',
    source:
      'https://github.com/aws-solutions-library-samples/guidance-for-deploying-model-context-protocol-servers-on-aws',
    date: 'August 2025',
  },
  {
    name: 'Cloudflare Workers and Durable Objects',
    figure:
      '$5 a month with ten million requests, then $0.30 per million; objects $0.15 per million and $12.50 per million GB-s',
    source: 'https://developers.cloudflare.com/durable-objects/platform/pricing/',
    date: 'August 2026',
  },
  {
    name: 'mcpgee, a tutorial on Lambda',
    figure: '$0.50 a month at 1,000 requests a day, $100 at a million: $3.30 to $16 per million',
    source: 'https://mcpgee.com/tutorials/lambda-deployment',
    date: 'read in November 2026',
  },
  {
    name: 'WorkOS AuthKit, sign-in alone, with a custom domain',
    figure: '$99 a month',
    source: 'https://github.com/api-evangelist/workos',
    date: 'September 2026',
  },
];
