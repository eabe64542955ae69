/**
 * What each door needs from its environment: one list a door, read once when the function starts.
 *
 * `lib` fills `Environment<typeof …>`, so a variable that is added here and forgotten there does not compile. The
 * reader is our own twenty lines because the authorizer reads its environment too, and a schema library would double
 * that bundle.
 */

/** Turns the text of one variable into a value, or throws with what the text should have been. */
type Read<T> = (text: string) => T;
type Variables = Record<string, { read: Read<unknown>; optional?: true }>;

type Required<V extends Variables> = { [K in keyof V as V[K] extends { optional: true } ? never : K]: string };
type Optional<V extends Variables> = { [K in keyof V as V[K] extends { optional: true } ? K : never]?: string };

/** The variables as the stack has to set them. */
export type FunctionEnvironment<V extends Variables> = Required<V> & Optional<V>;

/** The variables as the door uses them. */
export type Configuration<V extends Variables> = {
  [K in keyof V]: V[K] extends { read: Read<infer T>; optional: true }
    ? T | undefined
    : V[K] extends { read: Read<infer T> }
      ? T
      : never;
};

const text = {
  read: (value: string) => {
    if (value === '') throw new Error('a text');
    return value;
  },
};

/** An origin: scheme and host, neither path nor trailing slash. */
const origin = {
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

/** Words with spaces between them, as OAuth writes scopes. */
const words = { read: (value: string) => value.split(' ').filter(Boolean) };

/** Names and values as in the query of a URL. */
const parameters = { read: (value: string) => Object.fromEntries(new URLSearchParams(value)) };

const oneOf = <const T extends string>(...choices: T[]) => ({
  read: (value: string) => {
    const choice = choices.find((each) => each === value);
    if (choice === undefined) throw new Error(`one of ${choices.join(', ')}`);
    return choice;
  },
});

/** JSON, whose shape is checked by whoever uses it. */
const json = { read: (value: string): unknown => JSON.parse(value) };

const optional = <T>(variable: { read: Read<T> }) => ({ ...variable, optional: true as const });

/** The identity provider that users sign in with. */
const identityProvider = {
  /** The `iss` of its id tokens; its discovery document is found below it. */
  IDP_ISSUER: text,
  IDP_CLIENT_ID: text,
  /** ARN of the secret that holds the client secret; absent for a public client. */
  IDP_CLIENT_SECRET_ARN: optional(text),
  /** How the client secret is sent. */
  IDP_AUTHENTICATION: oneOf('client_secret_post', 'client_secret_basic'),
};

/** What is recorded of a tool's arguments. */
const auditArguments = oneOf('no', 'digest', 'redacted');

export const authorizerVariables = {
  /** The issuer of access tokens; `${PUBLIC_URL}/mcp` is their audience. */
  PUBLIC_URL: origin,
  /** Set in direct mode: the identity provider, which issues access tokens itself, and their audience. */
  DIRECT_ISSUER: optional(text),
  DIRECT_AUDIENCE: optional(text),
  DIRECT_GROUP_CLAIMS: optional(words),
  /** Where its keys are, if its discovery document is not to say so. */
  DIRECT_JWKS_URI: optional(text),
};

/** Direct mode, in place of the OAuth function. */
export const discoveryVariables = {
  PUBLIC_URL: origin,
  /** The issuer that lets clients in. */
  AUTHORIZATION_SERVER: text,
  /** What clients are to ask it for. */
  SCOPES: words,
};

export const oauthVariables = {
  PUBLIC_URL: origin,
  TABLE_NAME: text,
  /** KMS keys (ECC_NIST_P256): the first signs access tokens, and all of them verify. */
  SIGN_KEY_IDS: words,
  /** KMS key that seals the identity provider's tokens and the refresh tokens' MAC key. */
  SEAL_KEY_ID: text,
  ...identityProvider,
  IDP_SCOPES: words,
  /** What else goes into the authorization request. */
  IDP_PARAMETERS: parameters,
  /** Claims of the id token that name groups. */
  IDP_GROUP_CLAIMS: words,
  /** The claim of the id token that owners know users by. */
  NAME_CLAIM: optional(oneOf('name', 'email')),
  /** Set when the provider is told of a grant that ends. */
  IDP_REVOKES: optional(oneOf('true')),
  /** How the consent page names the provider. */
  IDP_NAME: text,
  /** So that the consent page can say what is recorded. */
  AUDIT_ARGUMENTS: auditArguments,
  ACCESS_TOKEN_MINUTES: positive,
  GRANT_IDLE_DAYS: positive,
  GRANT_ABSOLUTE_DAYS: positive,
  /** How long a superseded refresh token still answers with its successor (parallel tabs, sibling processes). */
  REFRESH_WINDOW_SECONDS: positive,
  /** Redirect schemes beyond https and loopback http that may be used, such as `cursor`. */
  REDIRECT_SCHEMES: words,
  /** Clients that the owner has set up. */
  CLIENTS: json,
  CLIENT_DOCUMENTS: oneOf('open', 'allow-list', 'off'),
  /** Hosts whose client documents are let in when the mode is `allow-list`. */
  CLIENT_DOCUMENT_HOSTS: words,
  DYNAMIC_REGISTRATION: oneOf('open', 'allow-list', 'off'),
  /** Redirect hosts and schemes that may register when the mode is `allow-list`. */
  DYNAMIC_REGISTRATION_REDIRECTS: words,
  /** Set where tests keep client documents on the same computer. */
  UNSAFELY_FETCH_CLIENT_DOCUMENTS_FROM_ANYWHERE: optional(oneOf('true')),
};

export const mcpVariables = {
  PUBLIC_URL: origin,
  TABLE_NAME: text,
  /** How long a session lives after its last request. */
  MCP_SESSION_TTL_HOURS: positive,
  /** What an expired or unknown session id gets: a fresh session, or 404. */
  STALE_SESSION: oneOf('renew', 'reject'),
  /** Other times for users of these groups, such as `staff=72&guests=1`. */
  MCP_SESSION_TTL_HOURS_BY_GROUP: optional(parameters),
  /** Origins of web pages that may call, if not any. */
  ALLOWED_ORIGINS: optional(words),
  /** How long a client that listens for changes is held; absent: none is. */
  LISTEN_SECONDS: optional(positive),
  /** The function that does what takes long; absent in that function itself. */
  WORKER_FUNCTION: optional(text),
  /** How long a task and its result can be asked for. */
  TASK_TTL_HOURS: positive,
  /** How long a client of the 2025 era may wait for a long tool. */
  HOLD_SECONDS: positive,
  /** Which requests go on record, what is recorded of a tool's arguments, and for how long. */
  AUDIT_METHODS: oneOf('tools', 'all'),
  AUDIT_ARGUMENTS: auditArguments,
  AUDIT_RETENTION_DAYS: positive,
  /** KMS key that seals what tools give clients to bring back, and the identity provider's tokens. */
  SEAL_KEY_ID: text,
  /** Set when the tools may ask for the user's token at the identity provider. */
  IDP_ISSUER: optional(text),
  IDP_CLIENT_ID: optional(text),
  IDP_CLIENT_SECRET_ARN: optional(text),
  IDP_AUTHENTICATION: optional(identityProvider.IDP_AUTHENTICATION),
};

export const dashboardVariables = {
  PUBLIC_URL: origin,
  TABLE_NAME: text,
  /** The group whose members see everyone. */
  ADMINS_GROUP: text,
  AUDIT_RETENTION_DAYS: positive,
  GRANT_IDLE_DAYS: positive,
  MCP_SESSION_TTL_HOURS: positive,
  /** Set where names are kept: the KMS key that they are sealed under. */
  SEAL_KEY_ID: optional(text),
};

export const aggregationVariables = {
  TABLE_NAME: text,
  AUDIT_RETENTION_DAYS: positive,
};

export type AuthorizerEnvironment = FunctionEnvironment<typeof authorizerVariables>;
export type DiscoveryEnvironment = FunctionEnvironment<typeof discoveryVariables>;
export type OAuthEnvironment = FunctionEnvironment<typeof oauthVariables>;
export type McpEnvironment = FunctionEnvironment<typeof mcpVariables>;
export type DashboardEnvironment = FunctionEnvironment<typeof dashboardVariables>;
export type AggregationEnvironment = FunctionEnvironment<typeof aggregationVariables>;

/** @throws Error naming every variable that is missing or malformed, and what it should be */
export function readEnvironment<V extends Variables>(
  variables: V,
  environment: Record<string, string | undefined>,
): Configuration<V> {
  const wrong: string[] = [];
  const configuration: Record<string, unknown> = {};
  for (const [name, variable] of Object.entries(variables)) {
    const value = environment[name];
    if (value === undefined) {
      if (!variable.optional) wrong.push(`${name} is missing`);
      continue;
    }
    try {
      configuration[name] = variable.read(value);
    } catch (error) {
      wrong.push(`${name} is ${JSON.stringify(value)}, not ${(error as Error).message}`);
    }
  }
  if (wrong.length > 0) throw new Error(`The function's environment is wrong: ${wrong.join('; ')}`);
  return configuration as Configuration<V>;
}
