import { FunctionUrlAuthType, type IFunctionUrl } from 'aws-cdk-lib/aws-lambda';
import { Token } from 'aws-cdk-lib/core';
import { isUpstreamUrl, upstreamNameForm } from '../../lambda/shared/upstream-address.ts';
import { quoted, validateKeyNames, type WithDefaults } from './setting-validation.ts';

/** An MCP server in any language, by its URL or by that of its Lambda function. */
export interface UpstreamEndpoint {
  /**
   * URL of its MCP endpoint: https, or http on this computer, without a query.
   * @default - `functionUrl`
   */
  readonly url?: string;
  /**
   * URL of its Lambda function, with the authorization type `AWS_IAM`. The roles of the MCP function and the worker may
   * invoke it, and sign their requests.
   * @default - `url`
   */
  readonly functionUrl?: IFunctionUrl;
  /**
   * Path of the MCP endpoint at `functionUrl`.
   * @default '/mcp'
   */
  readonly path?: string;
  /**
   * The audience of the assertions, which the server verifies. A function that cannot know its URL needs another one.
   * @default - the URL of the MCP endpoint
   */
  readonly audience?: string;
}

/** Servers behind this one. */
export interface UpstreamSettings {
  /**
   * MCP servers in any language, by the names under which `upstream({ name })` of `holdfast/server` forwards to them. The
   * variable `UPSTREAM_<NAME>_URL` of the functions replaces a URL, such as in the local emulator. Creates a KMS key ($1 a
   * month), which signs the assertions of users; an empty object creates the key for the URLs that the server names.
   * @default - none
   */
  readonly upstreams?: Readonly<Record<string, UpstreamEndpoint>>;
  /**
   * Names of the KMS keys for the assertions. The first key signs; the key set publishes all. To rotate keys without a
   * rejected assertion, deploy three times: with the new name last, then first, then alone (docs/operate.md). Four names at most.
   * @default ['1']
   */
  readonly upstreamSigningKeys?: string[];
}

export const upstreamDefaults = { upstreamSigningKeys: ['1'] } satisfies UpstreamSettings;

/** Yields an error message for each invalid setting. */
export function* validateUpstreams({
  upstreams = {},
  upstreamSigningKeys,
}: WithDefaults<UpstreamSettings, typeof upstreamDefaults>): Generator<string> {
  yield* validateKeyNames('upstreamSigningKeys', upstreamSigningKeys);
  const audiences = new Map<string, string>();
  for (const [name, server] of Object.entries(upstreams)) {
    yield* validateUpstream(name, server);
    const audience = server.audience ?? server.url;
    if (audience === undefined || Token.isUnresolved(audience)) continue;
    const other = audiences.get(audience);
    // An assertion for one server would be valid at the other.
    if (other !== undefined) yield `upstreams.${name} has the audience of ${other}: choose another audience`;
    audiences.set(audience, name);
  }
}

function* validateUpstream(name: string, { url, functionUrl, path, audience }: UpstreamEndpoint) {
  if (!upstreamNameForm.test(name)) {
    yield `upstreams has ${quoted(name)}: choose a name of a-z, 0-9 and _, such as orders`;
  }
  if ((url === undefined) === (functionUrl === undefined)) yield `upstreams.${name} needs url or functionUrl, not both`;
  if (url !== undefined && !Token.isUnresolved(url) && !isUpstreamUrl(url)) {
    yield `upstreams.${name}.url is ${quoted(url)}: write an https URL without a query`;
  }
  if (path !== undefined && (functionUrl === undefined || !/^\/[^?#]*$/.test(path))) {
    yield `upstreams.${name}.path is ${quoted(path)}: it belongs to functionUrl, and begins with /`;
  }
  if (functionUrl !== undefined && functionUrl.authType !== FunctionUrlAuthType.AWS_IAM) {
    yield `upstreams.${name}.functionUrl has the authorization type ${functionUrl.authType}: use AWS_IAM`;
  }
  if (audience === '') yield `upstreams.${name}.audience is empty: leave it out, or name the server`;
}
