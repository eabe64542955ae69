/** The assumed traffic of a month (30 days) and its defaults. */
export const assumptions = {
  'calls-per-month': { usual: 1_000_000, means: 'tool calls' },
  'calls-per-burst': {
    usual: 10,
    means: 'calls of an assistant before it pauses for longer than the authorizer is cached',
  },
  'minutes-per-burst': { usual: 6, means: 'minutes from the start of a burst to the next one' },
  'calls-per-session': { usual: 100, means: 'calls in a session' },
  'requests-to-connect': { usual: 5, means: 'requests that start a session' },
  'calls-per-token': { usual: 50, means: 'calls with an access token' },
  'sign-ins-per-month': { usual: 100, means: 'registrations and sign-ins' },
  'users-per-month': { usual: 0, means: 'users that sign in at Cognito' },
  'request-milliseconds': { usual: 20, means: 'duration of a request in the MCP function without its tool' },
  'tool-milliseconds': { usual: 0, means: 'duration of a tool' },
  'authorizer-milliseconds': { usual: 5, means: 'duration of the authorizer' },
  'calls-per-cold-start': { usual: 100, means: 'calls for each cold start of the MCP function and of the authorizer' },
  'cold-start-milliseconds': { usual: 300, means: 'estimated INIT duration of the MCP function' },
  'authorizer-cold-start-milliseconds': { usual: 200, means: 'estimated INIT duration of the authorizer' },
  'oauth-milliseconds': { usual: 100, means: 'duration of an OAuth request' },
  'rollup-milliseconds': { usual: 100, means: 'duration of the aggregation job' },
  'views-per-month': { usual: 0, means: 'requests of the dashboard; an open page sends one every five seconds' },
  'view-read-units': { usual: 400, means: 'read units of a request: the charts of a day at a million calls a day' },
  'view-milliseconds': { usual: 300, means: 'duration of a request' },
  'request-kilobytes': { usual: 1, means: 'size of a request with its headers' },
  'answer-kilobytes': { usual: 2, means: 'size of a response with its headers' },
} as const satisfies Record<string, { usual: number; means: string }>;

export type Assumption = keyof typeof assumptions;
export type Traffic = Readonly<Record<Assumption, number>> & {
  /** Megabytes of the MCP function, in place of the template's. */
  memory?: number;
};

export const usualTraffic = Object.fromEntries(
  Object.entries(assumptions).map(([name, { usual }]) => [name, usual]),
) as Traffic;
