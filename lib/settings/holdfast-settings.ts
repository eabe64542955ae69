import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { CustomDomain } from '../hostname.ts';
import type { Throttle } from '../rest-api.ts';
import { type AlarmSettings, validateAlarms } from './alarm-settings.ts';
import { type ClientSettings, clientDefaults, validateClients } from './client-settings.ts';
import { ConfigurationError } from './configuration-error.ts';
import { type IdentityProviderSettings, validateIdentityProvider } from './identity-provider-settings.ts';
import type { Stage } from './stage.ts';

/** What an owner may decide. Everything has a default, and the defaults are a deployment that is safe to use. */
export interface HoldfastSettings extends ClientSettings {
  /**
   * `prod` keeps the table, the keys and the users when the stack goes, refuses to delete them, and can restore the
   * table to any second of the last 35 days. `dev` deletes itself without a trace.
   * @default 'dev'
   */
  readonly stage?: Stage;
  /**
   * The OIDC provider that users already sign in with.
   * @default - a Cognito user pool of the stack's own, which only its owner can add users to
   */
  readonly identityProvider?: IdentityProviderSettings;
  /**
   * A host name of the owner's.
   * @default - a free `*.cloudfront.net` name
   */
  readonly domain?: CustomDomain;
  /**
   * AWS WAF in front of the API, at about $10 a month. It needs `domain`: behind CloudFront it would see CloudFront's
   * addresses instead of the callers'.
   * @default false
   */
  readonly firewall?: boolean;
  /**
   * How long a session lives after its last request, in hours.
   * @default 24
   */
  readonly sessionTtlHours?: number;
  /**
   * The same for users of some groups, in hours by group. Whoever is in several of them has the shortest.
   * @default - the same for everybody
   */
  readonly sessionTtlHoursByGroup?: Readonly<Record<string, number>>;
  /**
   * What the id of an expired or unknown session gets: `renew` a fresh session under the same user, `reject` the 404 of
   * the specification, which most clients do not recover from.
   * @default 'renew'
   */
  readonly staleSession?: 'renew' | 'reject';
  /**
   * Lifetime of an access token in minutes. It does not delay revocation: the grant is read on every request.
   * @default 60
   */
  readonly accessTokenMinutes?: number;
  /**
   * The keys that sign access tokens, by names of the owner's choice. The first signs; the others only verify. To change
   * keys without refusing anyone, deploy three times: with the new name last, then first, then alone
   * (docs/operate.md).
   * @default ['1']
   */
  readonly signingKeys?: string[];
  /**
   * How long a grant survives without being used, in days.
   * @default 30
   */
  readonly grantIdleDays?: number;
  /**
   * How long a grant lives at most, in days; then the user signs in again.
   * @default 90
   */
  readonly grantAbsoluteDays?: number;
  /**
   * How long a superseded refresh token is still answered with its successor, in seconds, for clients that refresh in
   * parallel. After it, the same token counts as stolen.
   * @default 120
   */
  readonly refreshWindowSeconds?: number;
  /**
   * Redirect schemes of native applications that may be used beside https and loopback http.
   * @default ['cursor', 'vscode', 'vscode-insiders']
   */
  readonly redirectSchemes?: string[];
  /**
   * Whether tools may use the user's token at the identity provider: gives the MCP function the permission to unseal it.
   * @default false
   */
  readonly upstreamTokens?: boolean;
  /**
   * How long a tool may take, in minutes. Behind CloudFront the answer must not be silent for longer than two.
   * @default 5
   */
  readonly toolTimeoutMinutes?: number;
  /**
   * How long a client that listens for changes of tools, prompts or resources is held, in seconds; then it asks again. A
   * function runs and is paid for as long as anybody listens, one for each session, so by default nobody does, and no
   * server says that it tells of changes.
   * @default 0
   */
  readonly listenSeconds?: number;
  /**
   * Origins of web pages whose scripts may call the MCP endpoint, such as `https://inspector.example.com`.
   * @default - any https origin, and pages on the user's own computer: without a token no page can do anything
   */
  readonly allowedOrigins?: string[];
  /**
   * How long what a long tool has come to can be asked for, from its beginning, in hours.
   * @default 24
   */
  readonly taskTtlHours?: number;
  /**
   * Which requests go on record in the table: `tools` the calls of tools, `all` every other request of a client as well.
   * @default 'tools'
   */
  readonly auditMethods?: 'tools' | 'all';
  /**
   * What is recorded of the arguments of a tool's call: nothing, a salted `digest`, or the `redacted` form in which every
   * value is replaced by its type and length. Results are never recorded. The consent page tells users.
   * @default 'no'
   */
  readonly auditArguments?: 'no' | 'digest' | 'redacted';
  /**
   * How long calls stay on record, in days.
   * @default 30
   */
  readonly auditRetentionDays?: number;
  /**
   * The dashboard at /dashboard, where users see and end what they have connected, and owners see everyone. In direct
   * mode there is none, because Holdfast is no client of the identity provider there.
   * @default true
   */
  readonly dashboard?: boolean;
  /**
   * The group of the identity provider whose members see everyone on the dashboard.
   * @default 'admins'
   */
  readonly adminsGroup?: string;
  /**
   * What the dashboard calls users: nothing but their key, or what the id token's claim of this name says. It is kept
   * sealed.
   * @default 'no'
   */
  readonly showNames?: 'no' | 'name' | 'email';
  /**
   * How long API Gateway remembers the authorizer's answer to a token, in seconds; 0 asks every time. It is 0 as soon as
   * a tool needs a scope of its own (`lambda/scopes.ts`).
   * @default 300
   */
  readonly authorizerCacheSeconds?: number;
  /**
   * The limit over all requests.
   * @default - 500 a second, 1000 at once
   */
  readonly throttle?: Throttle;
  /**
   * The limit of each of /authorize, /consent, /callback, /register, /token and /revoke, which anyone may call.
   * @default - 25 a second, 50 at once
   */
  readonly oauthThrottle?: Throttle;
  /**
   * Builds the functions with Holdfast's own client of the table and shortcuts into the MCP SDK, which are faster than
   * the libraries'. `false` builds them with the libraries' parts, which do the same (docs/performance.md,
   * "Optimizations").
   * @default true
   */
  readonly optimizations?: boolean;
  /**
   * How long logs are kept.
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;
  /**
   * Whether Lambda writes its own lines for every invocation: `START`, `END`, and `REPORT` with the time and memory that it
   * took. They would be half of all that is logged, at $0.16 a million calls. Logs are JSON without them, text with them.
   * @default false
   */
  readonly lambdaSystemLogs?: boolean;
  /**
   * Whether the stack gives API Gateway the role it writes access logs with. There is one for the whole account and
   * region: switch this off where another stack or team has set it.
   * @default true
   */
  readonly manageApiGatewayAccount?: boolean;
  /**
   * A CloudWatch dashboard and the alarms. They cost nothing as long as they are the only ones in the account: ten alarms
   * and three dashboards are free.
   * @default - true for `prod`; a `dev` stack is one of many, and nobody gets up for it
   */
  readonly operations?: boolean;
  /**
   * When the alarms go off, where that is not to be as `alarmDefaults` says, and which are not to be there.
   * @default - all but `tableThrottles`
   */
  readonly alarms?: AlarmSettings;
  /**
   * Whom alarms are sent to by e-mail. SNS asks the address for its consent first.
   * @default - nobody: alarms are seen in CloudWatch
   */
  readonly alarmEmail?: string;
  /**
   * An SNS topic in the stack's region that alarms are sent to instead.
   * @default - none
   */
  readonly alarmTopicArn?: string;
}

const defaults = {
  ...clientDefaults,
  stage: 'dev',
  firewall: false,
  sessionTtlHours: 24,
  staleSession: 'renew',
  accessTokenMinutes: 60,
  signingKeys: ['1'],
  grantIdleDays: 30,
  grantAbsoluteDays: 90,
  refreshWindowSeconds: 120,
  redirectSchemes: ['cursor', 'vscode', 'vscode-insiders'],
  upstreamTokens: false,
  toolTimeoutMinutes: 5,
  listenSeconds: 0,
  taskTtlHours: 24,
  auditMethods: 'tools',
  auditArguments: 'no',
  auditRetentionDays: 30,
  dashboard: true,
  adminsGroup: 'admins',
  showNames: 'no',
  authorizerCacheSeconds: 300,
  throttle: { rate: 500, burst: 1000 },
  oauthThrottle: { rate: 25, burst: 50 },
  optimizations: true,
  logRetention: RetentionDays.ONE_MONTH,
  lambdaSystemLogs: false,
  manageApiGatewayAccount: true,
} satisfies HoldfastSettings;

/** The settings with every default in its place. */
export type ResolvedSettings = HoldfastSettings &
  Required<Pick<HoldfastSettings, keyof typeof defaults | 'operations'>>;

/**
 * Fills in the defaults and refuses what is insecure or cannot work.
 * @param region where the stack will be, if that is known yet
 * @throws Mistake that names every refused setting, its value, and what to do
 */
export function resolveSettings(settings: HoldfastSettings, region?: string): ResolvedSettings {
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  const settled: ResolvedSettings = { ...defaults, operations: settings.stage === 'prod', ...given };
  const refusals = [...refused(settled, region)];
  if (refusals.length > 0)
    throw new ConfigurationError(`Holdfast cannot be deployed like this:\n${refusals.join('\n')}`);
  return settled;
}

type Limits = { least: number; most: number; why: string };

const limits = {
  sessionTtlHours: { least: 0.01, most: 24 * 90, why: 'a session does not outlive the longest grant' },
  accessTokenMinutes: {
    least: 5,
    most: 24 * 60,
    why: 'shorter ones keep clients refreshing, longer ones can be stolen',
  },
  grantIdleDays: { least: 1, most: 365, why: 'a grant that nobody uses must end' },
  grantAbsoluteDays: { least: 1, most: 3650, why: 'Cognito keeps a refresh token for ten years at most' },
  refreshWindowSeconds: { least: 1, most: 3600, why: 'in the window a stolen refresh token goes unnoticed' },
  toolTimeoutMinutes: { least: 0.1, most: 15, why: 'Lambda ends every invocation after 15 minutes' },
  listenSeconds: { least: 0, most: 15 * 54, why: 'Lambda ends every invocation after 15 minutes' },
  taskTtlHours: { least: 1, most: 24 * 30, why: 'a result that nobody asks for must go' },
  auditRetentionDays: { least: 1, most: 3650, why: 'a record that nobody needs any more must go' },
  authorizerCacheSeconds: { least: 0, most: 300, why: 'a cached answer outlives the expiry of its token' },
} satisfies Partial<Record<keyof ResolvedSettings, Limits>>;

/** Schemes that a browser runs, opens or sends in the clear, instead of handing the code to one application. */
const dangerousSchemes = [
  'about',
  'blob',
  'data',
  'file',
  'ftp',
  'http',
  'https',
  'javascript',
  'vbscript',
  'ws',
  'wss',
];

const syntax = {
  /** Part of a logical id. */
  keyName: /^[A-Za-z0-9]{1,32}$/,
  /** RFC 3986 §3.1, in lower case, as browsers normalise it. */
  scheme: /^[a-z][a-z0-9+.-]*$/,
  hostname: /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/,
  certificate: /^arn:aws[a-z-]*:acm:(?<region>[a-z0-9-]+):\d{12}:certificate\/\S+$/,
};

function* refused(settings: ResolvedSettings, region?: string): Generator<string> {
  for (const [group, hours] of Object.entries(settings.sessionTtlHoursByGroup ?? {})) {
    const { least, most, why } = limits.sessionTtlHours;
    if (!(hours >= least && hours <= most)) {
      yield `sessionTtlHoursByGroup has ${hours} for ${quoted(group)}: choose ${least} to ${most}, because ${why}`;
    }
  }
  for (const origin of settings.allowedOrigins ?? []) {
    if (URL.parse(origin)?.origin !== origin) {
      yield `allowedOrigins has ${quoted(origin)}: write scheme and host alone, such as https://inspector.example.com`;
    }
  }
  if (settings.listenSeconds > settings.toolTimeoutMinutes * 54) {
    yield `listenSeconds is ${settings.listenSeconds}: at most nine tenths of toolTimeoutMinutes, after which the function ends`;
  }
  const { stage, staleSession, signingKeys, redirectSchemes, identityProvider, domain } = settings;
  if (stage !== 'dev' && stage !== 'prod') yield `stage is ${quoted(stage)}: choose dev or prod`;
  if (staleSession !== 'renew' && staleSession !== 'reject') {
    yield `staleSession is ${quoted(staleSession)}: choose renew or reject`;
  }
  if (!['tools', 'all'].includes(settings.auditMethods)) {
    yield `auditMethods is ${quoted(settings.auditMethods)}: choose tools or all`;
  }
  if (!['no', 'digest', 'redacted'].includes(settings.auditArguments)) {
    yield `auditArguments is ${quoted(settings.auditArguments)}: choose no, digest or redacted`;
  }
  if (!['no', 'name', 'email'].includes(settings.showNames)) {
    yield `showNames is ${quoted(settings.showNames)}: choose no, name or email`;
  }
  if (settings.adminsGroup === '') yield 'adminsGroup is empty: name the group whose members see everyone';
  for (const name of Object.keys(limits) as (keyof typeof limits)[]) {
    const { least, most, why } = limits[name];
    const value = settings[name];
    if (!(value >= least && value <= most)) yield `${name} is ${value}: choose ${least} to ${most}, because ${why}`;
  }
  if (settings.grantIdleDays > settings.grantAbsoluteDays) {
    yield `grantIdleDays is ${settings.grantIdleDays}: at most grantAbsoluteDays, which is ${settings.grantAbsoluteDays}`;
  }
  for (const name of ['throttle', 'oauthThrottle'] as const) {
    const { rate, burst } = settings[name];
    if (!(rate > 0 && rate <= 10_000 && Number.isInteger(burst) && burst > 0 && burst <= 10_000)) {
      yield `${name} is ${quoted({ rate, burst })}: both need to be above 0 and at most 10000, since a server without limits is its owner's bill`;
    }
  }
  if (signingKeys.length === 0) yield 'signingKeys is empty: one has to sign';
  if (new Set(signingKeys).size < signingKeys.length) yield `signingKeys has a name twice: ${quoted(signingKeys)}`;
  for (const name of signingKeys) {
    if (!syntax.keyName.test(name)) yield `signingKeys has ${quoted(name)}: a name has letters and digits`;
  }
  for (const scheme of redirectSchemes) {
    if (dangerousSchemes.includes(scheme.toLowerCase())) {
      yield `redirectSchemes has ${quoted(scheme)}: codes must go to one application, and this scheme belongs to the browser`;
    } else if (!syntax.scheme.test(scheme)) {
      yield `redirectSchemes has ${quoted(scheme)}: write the scheme alone, in lower case, such as cursor`;
    }
  }
  yield* validateClients(settings);
  yield* validateAlarms(settings);
  if (settings.firewall && domain === undefined) {
    yield 'firewall is true without a domain: behind CloudFront it sees one caller, CloudFront. Set domain, or leave it off';
  }
  if (domain !== undefined) yield* refusedDomain(domain, region);
  if (identityProvider !== undefined) yield* validateIdentityProvider(identityProvider);
  if (identityProvider?.mode === 'direct' && settings.upstreamTokens) {
    yield "upstreamTokens is true with identityProvider.mode: 'direct', where Holdfast never has the provider's tokens: leave it off";
  }
}

function* refusedDomain({ domainName, certificateArn, hostedZone }: CustomDomain, region?: string): Generator<string> {
  if (!syntax.hostname.test(domainName)) {
    yield `domain.domainName is ${quoted(domainName)}: write a host name in lower case, such as mcp.example.com`;
  }
  const certificate = syntax.certificate.exec(certificateArn);
  if (certificate === null) {
    yield `domain.certificateArn is ${quoted(certificateArn)}: write the ARN of a certificate in Certificate Manager`;
  } else if (region !== undefined && certificate.groups?.region !== region) {
    yield `domain.certificateArn is in ${certificate.groups?.region}: a certificate in ${region} is needed, where the API is`;
  }
  if (hostedZone !== undefined && `.${domainName}`.endsWith(`.${hostedZone.name}`) === false) {
    yield `domain.hostedZone.name is ${quoted(hostedZone.name)}: ${domainName} is not in that zone`;
  }
}

const quoted = (value: unknown) => JSON.stringify(value);
