import type { KeySet, PublicKey } from './jwk-members.ts';
import { assertionAudiences, clientAuthenticationMethods, exchangeForms } from './upstream-authentication.ts';

/**
 * Environment variables of each function, read once at its start.
 *
 * `lib` fills `FunctionEnvironment<typeof …>`, so a variable that is missing there does not compile. The reader is twenty
 * lines instead of a schema library, which would double the authorizer's bundle. The annotations let esbuild omit the variables
 * of other functions.
 */

/** Parses the value of a variable, or throws an error that names the expected form. */
type Read<T> = (text: string) => T;
type Variables = Record<string, { read: Read<unknown>; optional?: true }>;

type Required<V extends Variables> = { [K in keyof V as V[K] extends { optional: true } ? never : K]: string };
type Optional<V extends Variables> = { [K in keyof V as V[K] extends { optional: true } ? K : never]?: string };

/** The variables as the stack sets them. */
export type FunctionEnvironment<V extends Variables> = Required<V> & Optional<V>;

/** The parsed variables. */
export type Configuration<V extends Variables> = {
  [K in keyof V]: V[K] extends { read: Read<infer T>; optional: true }
    ? T | undefined
    : V[K] extends { read: Read<infer T> }
      ? T
      : never;
};

export const text = {
  read: (value: string) => {
    if (value === '') throw new Error('a non-empty value');
    return value;
  },
};

/** Scheme and host without path or trailing slash. */
export const origin = {
  read: (value: string) => {
    if (URL.parse(value)?.origin !== value) throw new Error('an origin such as https://mcp.example.com');
    return value;
  },
};

const positive = {
  read: (value: string) => {
    const number = Number(value);
    if (!(number > 0)) throw new Error('a number above 0');
    return number;
  },
};

/** Separated by spaces, as OAuth writes scopes. */
export const list = { read: (value: string) => value.split(' ').filter(Boolean) };

/** A JSON array of strings. */
const strings = {
  read: (value: string) => {
    const parsed: unknown = JSON.parse(value);
    if (!Array.isArray(parsed) || !parsed.every((each) => typeof each === 'string')) {
      throw new Error('a JSON array of strings');
    }
    return parsed as string[];
  },
};

/** As in the query of a URL. */
export const parameters = { read: (value: string) => Object.fromEntries(new URLSearchParams(value)) };

/* @__NO_SIDE_EFFECTS__ */
export const oneOf = <const T extends string>(...choices: T[]) => oneOfAll(choices);

/* @__NO_SIDE_EFFECTS__ */
const oneOfAll = <const T extends string>(choices: readonly T[]) => ({
  read: (value: string) => {
    const choice = choices.find((each) => each === value);
    if (choice === undefined) throw new Error(`one of ${choices.join(', ')}`);
    return choice;
  },
});

/** A JSON Web Key Set, as JSON. */
const keySet = {
  read: (value: string): KeySet => {
    const { keys } = JSON.parse(value) as { keys?: unknown };
    if (!Array.isArray(keys) || keys.length === 0) throw new Error('a JSON Web Key Set');
    return { keys: keys as PublicKey[] };
  },
};

/** JSON; its user checks the shape. */
const json = { read: (value: string): unknown => JSON.parse(value) };

/* @__NO_SIDE_EFFECTS__ */
export const optional = <T>(variable: { read: Read<T> }) => ({ ...variable, optional: true as const });

/* @__NO_SIDE_EFFECTS__ */
const merged = <A extends Variables, B extends Variables>(common: A, others: B): A & B => ({ ...common, ...others });

/** The upstream identity provider. */
export const identityProvider = {
  /** `iss` of its id tokens, and base of its discovery document. */
  IDP_ISSUER: text,
  IDP_CLIENT_ID: text,
  /** ARN of the secret with the client secret, or with the private key of `private_key_jwt`; absent for a public client. */
  IDP_CLIENT_SECRET_ARN: optional(text),
  /** Client authentication method; absent: one that the provider supports. */
  IDP_AUTHENTICATION: optional(oneOfAll(clientAuthenticationMethods)),
  /** With `private_key_jwt`; absent: the issuer. */
  IDP_ASSERTION_AUDIENCE: optional(oneOfAll(assertionAudiences)),
  /** Claims of the id token with groups, and the prefix that is removed from each group. */
  IDP_GROUP_CLAIMS: list,
  IDP_GROUP_PREFIX: optional(text),
  /** Groups that are kept, those of settings first (`GroupRules.kept`). */
  IDP_GROUPS: strings,
  /** Set when claims that the id token lacks are read from the userinfo endpoint. */
  IDP_USER_INFO: optional(oneOf('true')),
};

/** Servers behind this one. */
const upstreamServers = {
  /** JSON of type `UpstreamAddresses`, by name. */
  UPSTREAMS: optional(json),
  /** KMS key (ECC_NIST_P256) that signs the assertions for them. */
  UPSTREAM_KEY_ID: optional(text),
};

/** How the arguments of tools, and the errors that they throw, are logged. */
const auditArguments = oneOf('no', 'digest', 'redacted');
const auditErrors = oneOf('none', 'class', 'message');

export const authorizerVariables = {
  /** The issuer of access tokens; `${PUBLIC_URL}/mcp` is their audience. */
  PUBLIC_URL: origin,
  /** The keys that verify access tokens; absent in direct mode. */
  ACCESS_TOKEN_KEYS: optional(keySet),
  /** In direct mode: the identity provider, which issues the access tokens, and their audience. */
  DIRECT_ISSUER: optional(text),
  DIRECT_AUDIENCE: optional(text),
  DIRECT_GROUP_CLAIMS: optional(list),
  DIRECT_GROUP_PREFIX: optional(text),
  DIRECT_GROUPS: optional(strings),
  /** URL of its keys, in place of the one in its discovery document. */
  DIRECT_JWKS_URI: optional(text),
  /** Set when personal access tokens are accepted. */
  PERSONAL_TOKENS: optional(oneOf('true')),
};

/** In direct mode, in place of the OAuth function. */
export const discoveryVariables = {
  PUBLIC_URL: origin,
  /** The issuer of access tokens. */
  AUTHORIZATION_SERVER: text,
  /** Scopes that clients request from it. */
  SCOPES: list,
  /** Set when there is a dashboard. */
  DASHBOARD: optional(oneOf('true')),
};

export const oauthVariables = merged(identityProvider, {
  PUBLIC_URL: origin,
  TABLE_NAME: text,
  /** KMS key (ECC_NIST_P256) that signs access tokens. */
  SIGN_KEY_ID: text,
  /** The keys that verify access tokens; the first one is that of `SIGN_KEY_ID`. */
  ACCESS_TOKEN_KEYS: keySet,
  /** KMS key that seals upstream tokens and the MAC key of refresh tokens. */
  SEAL_KEY_ID: text,
  IDP_SCOPES: list,
  /** Further parameters of the authorization request. */
  IDP_PARAMETERS: parameters,
  /** `prompt` of a sign-in with another account; absent: `login`. */
  IDP_ACCOUNT_PROMPT: optional(text),
  /** The same of a sign-in to the dashboard, which keeps no token. */
  IDP_DASHBOARD_SCOPES: list,
  IDP_DASHBOARD_PARAMETERS: parameters,
  /** Claim of the id token with the user's name; only with the setting `showNames`. */
  NAME_CLAIM: optional(oneOf('name', 'email')),
  /** Set when upstream tokens of an ended grant are revoked. */
  IDP_REVOKES: optional(oneOf('true')),
  /** Name of the provider on the consent page. */
  IDP_NAME: text,
  /** For the notice on the consent page. */
  AUDIT_ARGUMENTS: auditArguments,
  AUDIT_ERRORS: auditErrors,
  /** Set when the audit log has prompts and resources. */
  AUDIT_METHODS: optional(oneOf('all')),
  /** Set when there is a dashboard. */
  DASHBOARD: optional(oneOf('true')),
  /** The longest lifetime of a personal access token; absent: there are none. */
  PERSONAL_TOKEN_DAYS: optional(positive),
  ACCESS_TOKEN_MINUTES: positive,
  GRANT_IDLE_DAYS: positive,
  GRANT_ABSOLUTE_DAYS: positive,
  /** How long a superseded refresh token still returns its successor (parallel tabs, sibling processes). */
  REFRESH_WINDOW_SECONDS: positive,
  /** Allowed redirect schemes beside https and loopback http, such as `cursor`. */
  REDIRECT_SCHEMES: list,
  /** Pre-registered clients. */
  CLIENTS: json,
  /** Machine clients; absent where they are off. */
  MACHINE_CLIENTS: optional(json),
  /** Rules of workload identity, and issuers of enterprise-managed authorization; each absent where it is off. */
  WORKLOADS: optional(json),
  ENTERPRISE_ISSUERS: optional(json),
  /** Lifetime of access tokens without a sign-in; only where there are some. */
  MACHINE_TOKEN_MINUTES: optional(positive),
  CLIENT_DOCUMENTS: oneOf('open', 'allow-list', 'off'),
  /** Allowed hosts of client documents in the mode `allow-list`. */
  CLIENT_DOCUMENT_HOSTS: list,
  DYNAMIC_REGISTRATION: oneOf('open', 'allow-list', 'off'),
  /** Allowed redirect hosts and schemes of registrations in the mode `allow-list`. */
  DYNAMIC_REGISTRATION_REDIRECTS: list,
  /** For tests with client documents on the same computer. */
  UNSAFELY_FETCH_CLIENT_DOCUMENTS_FROM_ANYWHERE: optional(oneOf('true')),
});

export const mcpVariables = merged(upstreamServers, {
  PUBLIC_URL: origin,
  TABLE_NAME: text,
  /** Lifetime of a session after its last request. */
  MCP_SESSION_TTL_HOURS: positive,
  /** Result of an expired or unknown session id: a new session, or 404. */
  STALE_SESSION: oneOf('renew', 'reject'),
  /** For users of these groups instead, such as `staff=72&guests=1`. */
  MCP_SESSION_TTL_HOURS_BY_GROUP: optional(parameters),
  /** Allowed origins of web pages; absent: all. */
  ALLOWED_ORIGINS: optional(list),
  /** Duration of a stream of change notifications; absent: there are none. */
  LISTEN_SECONDS: optional(positive),
  /** The worker function; absent in the worker itself. */
  WORKER_FUNCTION: optional(text),
  /** Retention of a task and its result. */
  TASK_TTL_HOURS: positive,
  /** Longest wait of a legacy client for a long-running tool. */
  HOLD_SECONDS: positive,
  /** Which requests the audit log contains, how it logs arguments and errors, and its retention. */
  AUDIT_METHODS: oneOf('tools', 'all'),
  AUDIT_ARGUMENTS: auditArguments,
  AUDIT_ERRORS: auditErrors,
  AUDIT_RETENTION_DAYS: positive,
  /** KMS key that seals the request state of input requests, and upstream tokens. */
  SEAL_KEY_ID: text,
  /** Set when tools may use the user's upstream token. */
  IDP_ISSUER: optional(text),
  IDP_CLIENT_ID: optional(text),
  IDP_CLIENT_SECRET_ARN: optional(text),
  IDP_AUTHENTICATION: identityProvider.IDP_AUTHENTICATION,
  IDP_ASSERTION_AUDIENCE: identityProvider.IDP_ASSERTION_AUDIENCE,
  /** How the upstream token is exchanged for one for another API; absent: RFC 8693. */
  IDP_EXCHANGE: optional(oneOfAll(exchangeForms)),
  /** The client that exchanges it; absent: the one that users sign in with. */
  IDP_EXCHANGE_CLIENT_ID: optional(text),
  IDP_EXCHANGE_CLIENT_SECRET_ARN: optional(text),
  IDP_GROUP_CLAIMS: optional(list),
  IDP_GROUP_PREFIX: optional(text),
  IDP_GROUPS: optional(strings),
  IDP_USER_INFO: identityProvider.IDP_USER_INFO,
});

export const upstreamKeysVariables = {
  /** KMS keys (ECC_NIST_P256) of assertions. */
  UPSTREAM_KEY_IDS: list,
};

export const dashboardVariables = {
  PUBLIC_URL: origin,
  TABLE_NAME: text,
  /** The group whose members see all users. */
  ADMINS_GROUP: text,
  AUDIT_RETENTION_DAYS: positive,
  GRANT_IDLE_DAYS: positive,
  MCP_SESSION_TTL_HOURS: positive,
  /** KMS key that seals names; only with the setting `showNames`. */
  SEAL_KEY_ID: optional(text),
  /** Set when the identity provider keeps the grants. */
  DIRECT: optional(oneOf('true')),
  /** JSON of the type `Me['personalTokens']`; absent: there are none. */
  PERSONAL_TOKENS: optional(json),
};

export const aggregationVariables = {
  TABLE_NAME: text,
  AUDIT_RETENTION_DAYS: positive,
};

export type AuthorizerEnvironment = FunctionEnvironment<typeof authorizerVariables>;
export type DiscoveryEnvironment = FunctionEnvironment<typeof discoveryVariables>;
export type OAuthEnvironment = FunctionEnvironment<typeof oauthVariables>;
export type McpEnvironment = FunctionEnvironment<typeof mcpVariables>;
export type UpstreamKeysEnvironment = FunctionEnvironment<typeof upstreamKeysVariables>;
export type DashboardEnvironment = FunctionEnvironment<typeof dashboardVariables>;
export type AggregationEnvironment = FunctionEnvironment<typeof aggregationVariables>;

const SECRET_PREFIX = 'SECRET_ARN_';

/** The variable of the MCP function and the worker with the ARN of an owner's secret. */
export const secretVariable = (secret: string): string => `${SECRET_PREFIX}${secret}`;

/** ARNs of the owner's secrets by their names. */
export const secretArns = (environment: Record<string, string | undefined>): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(environment).flatMap(([name, arn]): [string, string][] =>
      name.startsWith(SECRET_PREFIX) && arn !== undefined ? [[name.slice(SECRET_PREFIX.length), arn]] : [],
    ),
  );

/** @throws Error that names every missing or invalid variable and its expected form */
export function readEnvironment<V extends Variables>(
  variables: V,
  environment: Record<string, string | undefined>,
): Configuration<V> {
  const invalid: string[] = [];
  const configuration: Record<string, unknown> = {};
  for (const [name, variable] of Object.entries(variables)) {
    const value = environment[name];
    if (value === undefined) {
      if (!variable.optional) invalid.push(`${name} is missing`);
      continue;
    }
    try {
      configuration[name] = variable.read(value);
    } catch (error) {
      invalid.push(`${name} is ${JSON.stringify(value)}, not ${(error as Error).message}`);
    }
  }
  if (invalid.length > 0) throw new Error(`Invalid environment of the function: ${invalid.join('; ')}`);
  return configuration as Configuration<V>;
}
