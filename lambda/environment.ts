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
export type Environment<V extends Variables> = Required<V> & Optional<V>;

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

const oneOf = <const T extends string>(...choices: T[]) => ({
  read: (value: string) => {
    const choice = choices.find((each) => each === value);
    if (choice === undefined) throw new Error(`one of ${choices.join(', ')}`);
    return choice;
  },
});

const optional = <T>(variable: { read: Read<T> }) => ({ ...variable, optional: true as const });

/** The identity provider that users sign in with. */
const identityProvider = {
  /** The `iss` of its id tokens; its discovery document is found below it. */
  IDP_ISSUER: text,
  IDP_CLIENT_ID: text,
  /** ARN of the secret that holds the client secret; absent for a public client. */
  IDP_CLIENT_SECRET_ARN: optional(text),
  IDP_SCOPES: words,
  /** How the consent page names the provider. */
  IDP_NAME: text,
};

export const authorizerVariables = {
  /** The issuer of access tokens; `${PUBLIC_URL}/mcp` is their audience. */
  PUBLIC_URL: origin,
};

export const oauthVariables = {
  PUBLIC_URL: origin,
  TABLE_NAME: text,
  /** KMS keys (ECC_NIST_P256): the first signs access tokens, and all of them verify. */
  SIGN_KEY_IDS: words,
  /** KMS key that seals the identity provider's tokens and the refresh tokens' MAC key. */
  SEAL_KEY_ID: text,
  ...identityProvider,
  /** Scopes a client may be granted; the first is the default and the one in the challenge. */
  SCOPES: words,
  ACCESS_TOKEN_MINUTES: positive,
  GRANT_IDLE_DAYS: positive,
  GRANT_ABSOLUTE_DAYS: positive,
  /** How long a superseded refresh token still answers with its successor (parallel tabs, sibling processes). */
  REFRESH_WINDOW_SECONDS: positive,
  /** Redirect schemes beyond https and loopback http that may be used, such as `cursor`. */
  REDIRECT_SCHEMES: words,
};

export const mcpVariables = {
  PUBLIC_URL: origin,
  TABLE_NAME: text,
  /** How long a session lives after its last request. */
  MCP_SESSION_TTL_HOURS: positive,
  /** What an expired or unknown session id gets: a fresh session, or 404. */
  STALE_SESSION: oneOf('renew', 'reject'),
  /** Set when the tools may ask for the user's token at the identity provider. */
  SEAL_KEY_ID: optional(text),
  IDP_ISSUER: optional(text),
  IDP_CLIENT_ID: optional(text),
  IDP_CLIENT_SECRET_ARN: optional(text),
  IDP_SCOPES: optional(words),
};

export type AuthorizerEnvironment = Environment<typeof authorizerVariables>;
export type OAuthEnvironment = Environment<typeof oauthVariables>;
export type McpEnvironment = Environment<typeof mcpVariables>;

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
