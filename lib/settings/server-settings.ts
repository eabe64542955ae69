import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { scopes as defaultScopes } from '#scopes';
import type { ScopeSet } from '../../lambda/shared/scope-set.ts';
import { validateScopes } from './scope-validation.ts';
import { type Limits, quoted, validateNumber, type WithDefaults } from './setting-validation.ts';

/** The MCP endpoint and the function that runs your server. */
export interface ServerSettings {
  /**
   * Path of the module that exports `createServer` (`CreateServer` of `holdfast/server`), absolute or relative to the
   * working directory of the CDK app.
   * @default - the example server of Holdfast
   */
  readonly server?: string;
  /**
   * The scopes that clients can be granted, by `declareScopes`. Every tool needs the first one.
   * @default - one scope, `mcp`
   */
  readonly scopes?: ScopeSet;
  /**
   * Maximum duration of a tool call in minutes. Behind CloudFront, the response must not be silent for more than two.
   * @default 5
   */
  readonly toolTimeoutMinutes?: number;
  /**
   * Maximum duration of a stream that notifies a client of changes to tools, prompts or resources, in seconds; the client
   * then reconnects. Each stream occupies a function, one per session, so they are off by default, and servers do not
   * advertise change notifications then.
   * @default 0
   */
  readonly listenSeconds?: number;
  /**
   * Further origins whose scripts may call the MCP endpoint, such as `http://intranet.example.com:8080`. Any https origin,
   * loopback origins, and those of applications and browser extensions may call it without this setting, because a page
   * needs an access token in any case.
   * @default - none
   */
  readonly allowedOrigins?: string[];
  /**
   * Time during which the result of a long-running tool is available, from its start, in hours.
   * @default 24
   */
  readonly taskTtlHours?: number;
}

export const serverDefaults = {
  server: createRequire(import.meta.url).resolve('#server'),
  scopes: defaultScopes,
  toolTimeoutMinutes: 5,
  listenSeconds: 0,
  taskTtlHours: 24,
} satisfies ServerSettings;

const serverLimits = {
  toolTimeoutMinutes: { min: 0.1, max: 15, reason: 'Lambda ends every invocation after 15 minutes' },
  listenSeconds: { min: 0, max: 15 * 54, reason: 'Lambda ends every invocation after 15 minutes' },
  taskTtlHours: { min: 1, max: 24 * 30, reason: 'an unread result must expire' },
} satisfies Partial<Record<keyof ServerSettings, Limits>>;

/** Such as `app://obsidian.md`; URL parsers give a scheme of their platform alone an origin. */
const applicationOriginSyntax = /^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[^\s/?#]+$/;

/** Yields an error message for each invalid setting. */
export function* validateServer(settings: WithDefaults<ServerSettings, typeof serverDefaults>): Generator<string> {
  const { server, scopes, listenSeconds, toolTimeoutMinutes, allowedOrigins = [] } = settings;
  if (!existsSync(server)) yield `server is ${quoted(server)}, and ${resolve(server)} does not exist: name a file`;
  yield* validateScopes(scopes);
  for (const name of Object.keys(serverLimits) as (keyof typeof serverLimits)[]) {
    yield* validateNumber(name, settings[name], serverLimits[name]);
  }
  // Nine tenths of the timeout: the rest is for ending the stream before the invocation ends.
  if (listenSeconds > toolTimeoutMinutes * 54) {
    yield `listenSeconds is ${listenSeconds}: choose at most nine tenths of toolTimeoutMinutes, the function's timeout`;
  }
  for (const origin of allowedOrigins) {
    if (URL.parse(origin)?.origin !== origin && !applicationOriginSyntax.test(origin)) {
      yield `allowedOrigins has ${quoted(origin)}: write scheme and host alone, such as http://intranet.example.com:8080`;
    }
  }
}
