import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { Duration } from 'aws-cdk-lib/core';
import { scopes as defaultScopes } from '#scopes';
import type { ScopeSet } from '../../lambda/shared/scope-set.ts';
import { validateScopes } from './scope-validation.ts';
import {
  type DurationLimits,
  hasSyntax,
  isLonger,
  quoted,
  validateDuration,
  type WithDefaults,
} from './setting-validation.ts';

/** The MCP endpoint and the function that runs your server. */
export interface ServerSettings {
  /**
   * Path of the module that exports `createServer` (`CreateServer` of `holdfast/server`), absolute or relative to the
   * working directory of the CDK app.
   * @default - the example server of Holdfast
   */
  readonly server?: string;
  /**
   * The scopes that clients can be granted, and the scopes and groups that tools require, by `declareScopes`. Every tool needs
   * the first scope.
   * @default - one scope, `mcp`
   */
  readonly scopes?: ScopeSet;
  /**
   * Maximum duration of a tool call. Behind CloudFront, the response must not be silent for more than two.
   * @default Duration.minutes(5)
   */
  readonly toolTimeout?: Duration;
  /**
   * Maximum duration of a stream that notifies a client of changes to tools, prompts or resources; the client
   * then reconnects. Each stream occupies a function, one per session, so they are off by default, and servers do not
   * advertise change notifications then.
   * @default Duration.seconds(0)
   */
  readonly listenTimeout?: Duration;
  /**
   * Further origins whose scripts may call the MCP endpoint, such as `http://intranet.example.com:8080`. Any https origin,
   * loopback origins, and those of applications and browser extensions may call it without this setting, because a page
   * needs an access token in any case.
   * @default - none
   */
  readonly allowedOrigins?: string[];
  /**
   * Time during which the result of a long-running tool is available, from its start.
   * @default Duration.hours(24)
   */
  readonly taskTtl?: Duration;
}

export const serverDefaults = {
  server: createRequire(import.meta.url).resolve('#server'),
  scopes: defaultScopes,
  toolTimeout: Duration.minutes(5),
  listenTimeout: Duration.seconds(0),
  taskTtl: Duration.hours(24),
} satisfies ServerSettings;

const serverLimits = {
  toolTimeout: {
    min: Duration.seconds(6),
    max: Duration.minutes(15),
    reason: 'Lambda ends every invocation after 15 minutes',
  },
  listenTimeout: {
    min: Duration.seconds(0),
    max: Duration.seconds(15 * 54),
    reason: 'Lambda ends every invocation after 15 minutes',
  },
  taskTtl: { min: Duration.hours(1), max: Duration.days(30), reason: 'an unread result must expire' },
} satisfies Partial<Record<keyof ServerSettings, DurationLimits>>;

/** Such as `app://obsidian.md`; URL parsers give a scheme of their platform alone an origin. */
const applicationOriginSyntax = /^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[^\s/?#]+$/;

/** Yields an error message for each invalid setting. */
export function* validateServer(settings: WithDefaults<ServerSettings, typeof serverDefaults>): Generator<string> {
  const { server, scopes, listenTimeout, toolTimeout, allowedOrigins = [] } = settings;
  if (!existsSync(server)) yield `server is ${quoted(server)}, and ${resolve(server)} does not exist: name a file`;
  yield* validateScopes(scopes);
  for (const name of Object.keys(serverLimits) as (keyof typeof serverLimits)[]) {
    yield* validateDuration(name, settings[name], serverLimits[name]);
  }
  if (toolTimeout.isUnresolved?.()) {
    yield 'toolTimeout is a token: write its value, from which Holdfast calculates other time limits';
  }
  // Nine tenths of the timeout: the rest is for ending the stream before the invocation ends.
  if (isLonger(listenTimeout, toolTimeout, 0.9)) {
    yield `listenTimeout is ${listenTimeout}: choose at most nine tenths of toolTimeout, the function's timeout`;
  }
  for (const origin of allowedOrigins) {
    if (URL.parse(origin)?.origin !== origin && !hasSyntax(applicationOriginSyntax, origin)) {
      yield `allowedOrigins has ${quoted(origin)}: write scheme and host alone, such as http://intranet.example.com:8080`;
    }
  }
}
