/** An app client of the user pool. Omitted lifetimes have Cognito's defaults. */
export type CognitoClient = {
  clientId: string;
  /** Sent in the body of token requests; absent for a public client. */
  clientSecret?: string;
  /** Compared character by character. */
  redirectUris: string[];
  /** The allowed `logout_uri` values of `/logout`. */
  logoutUris?: string[];
  scopes: string[];
  accessTokenSeconds?: number;
  idTokenSeconds?: number;
  refreshTokenSeconds?: number;
  /** How long a refresh token remains valid after its first use; absent if refresh tokens are not rotated. */
  rotationGraceSeconds?: number;
};

/** The user pool that the provider emulates. */
export type UserPool = {
  /** The id, e.g. `us-east-1_holdfast0`: the path of the issuer. */
  poolId: string;
  clients: CognitoClient[];
  /** The pool's groups; demo users with `admin` are members of all of them. */
  groups: string[];
};
