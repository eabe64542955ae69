/** What is assumed of a month (30 days), each with its default; an owner puts in their own. */
export const assumptions = {
  'calls-per-month': { usual: 1_000_000, means: 'calls of tools' },
  'calls-per-burst': {
    usual: 10,
    means: 'calls of an assistant before it pauses for longer than the authorizer is remembered',
  },
  'calls-per-session': { usual: 100, means: 'calls of a session before the next one begins' },
  'requests-to-connect': { usual: 5, means: 'requests with which a session begins' },
  'calls-per-token': { usual: 50, means: 'calls before a client needs a new access token' },
  'sign-ins-per-month': { usual: 100, means: 'registrations and sign-ins' },
  'users-per-month': { usual: 0, means: 'users who sign in at Cognito' },
  'request-milliseconds': { usual: 20, means: 'what a request takes in the MCP function, without its tool' },
  'tool-milliseconds': { usual: 0, means: 'what a tool takes besides' },
  'authorizer-milliseconds': { usual: 5, means: 'what the authorizer takes' },
  'oauth-milliseconds': { usual: 100, means: 'what a request of sign-in takes' },
  'rollup-milliseconds': { usual: 100, means: 'what the counting of five minutes takes' },
  'views-per-month': { usual: 0, means: 'what the dashboard is asked for; an open one asks every five seconds' },
  'view-read-units': { usual: 400, means: 'read units of a view: the charts of a day at a million calls a day' },
  'view-milliseconds': { usual: 300, means: 'what a view takes' },
  'request-kilobytes': { usual: 1, means: 'size of a request, with its headers' },
  'answer-kilobytes': { usual: 2, means: 'size of an answer, with its headers' },
} as const satisfies Record<string, { usual: number; means: string }>;

export type Assumption = keyof typeof assumptions;
export type Traffic = Readonly<Record<Assumption, number>> & {
  /** Megabytes of the MCP function, in place of the template's. */
  memory?: number;
};

export const usualTraffic = Object.fromEntries(
  Object.entries(assumptions).map(([name, { usual }]) => [name, usual]),
) as Traffic;
