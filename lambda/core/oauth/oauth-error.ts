import { type ProviderFault, providerFaults } from '../identity/upstream-provider.ts';
import { descriptionText } from '../support/untrusted-text.ts';
import type { ClientDocumentError } from './clients/client-document.ts';
import type { PageProblem } from './pages/oauth-page-text.ts';

/** Error codes as they go over the wire (RFC 6749 §4.1.2.1 and §5.2, RFC 7591 §3.2.2, RFC 8707 §2, OIDC Core §3.1.2.6). */
export type OAuthErrorCode =
  | 'access_denied'
  | 'interaction_required'
  | 'invalid_client'
  | 'invalid_client_metadata'
  | 'invalid_grant'
  | 'invalid_redirect_uri'
  | 'invalid_request'
  | 'invalid_scope'
  | 'invalid_target'
  | 'request_not_supported'
  | 'request_uri_not_supported'
  | 'server_error'
  | 'temporarily_unavailable'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_response_type'
  | 'unsupported_token_type';

const LONGEST_DESCRIPTION = 100;
const LONGEST_VALUE = 40;

/** The wire form of a reason: code, description and, where a person sees it, the text of the page. */
type WireError<Details extends unknown[]> = {
  code: OAuthErrorCode;
  describe: (...details: Details) => string;
  page?: PageProblem | undefined;
  /** HTTP status, where it is not that of the code. */
  status?: number | undefined;
};

function wire(code: OAuthErrorCode, description: string, page?: PageProblem, status?: number): WireError<[]>;
function wire<Details extends unknown[]>(
  code: OAuthErrorCode,
  description: (...details: Details) => string,
  page?: PageProblem,
  status?: number,
): WireError<Details>;
function wire(
  code: OAuthErrorCode,
  description: string | (() => string),
  page?: PageProblem,
  status?: number,
): WireError<[]> {
  return { code, describe: typeof description === 'string' ? () => description : description, page, status };
}

/** A value that a client or a stranger chose, quoted and shortened. */
const quoted = (value: string) => `'${shortened(value, LONGEST_VALUE)}'`;

const shortened = (text: string, longest: number) =>
  text.length > longest ? `${text.slice(0, longest - 3)}...` : text;

/**
 * The one mapping from the reason of a rejection to the wire. A description says what failed, the value, and what to do;
 * it never holds a code, token, verifier or another secret.
 */
const wireErrors = {
  // Reading a request
  method_not_allowed: wire('invalid_request', (allow: string) => `method is not allowed; use ${allow}`),
  parameter_missing: wire('invalid_request', (name: string) => `${name} is missing`),
  parameter_repeated: wire(
    'invalid_request',
    (name: string, count: number) => `${name} occurs ${count} times; send it once`,
  ),
  parameter_has_nul: wire('invalid_request', (name: string) => `${name} contains a NUL character; remove it`),
  form_expected: wire('invalid_request', 'Content-Type must be application/x-www-form-urlencoded'),
  form_too_large: wire(
    'invalid_request',
    (size: number, limit: number) => `body has ${size} bytes; the limit is ${limit}`,
  ),
  form_not_utf8: wire('invalid_request', 'body is not UTF-8'),
  resource_unknown: wire('invalid_target', (resource: string) => `resource must be ${resource}`),

  // Authorization endpoint
  state_too_long: wire(
    'invalid_request',
    (size: number, limit: number) => `state has ${size} characters; the limit is ${limit}`,
  ),
  client_id_unknown: wire(
    'invalid_request',
    'client_id is not registered; register the client again',
    'unknown-client',
  ),
  client_id_document_rejected: wire(
    'invalid_request',
    (reason: string) => `document at client_id is rejected: ${reason}`,
    'unusable-client',
  ),
  redirect_uri_unregistered: wire(
    'invalid_request',
    'redirect_uri is not registered for this client, or not on the allow-list',
    'redirect-mismatch',
  ),
  redirect_uri_unusable: wire(
    'invalid_request',
    (fault: string) => `redirect_uri is not usable on this server: ${fault}`,
    'redirect-mismatch',
  ),
  request_object_unsupported: wire('request_not_supported', 'request objects are not supported; send the parameters'),
  request_uri_unsupported: wire('request_uri_not_supported', 'request_uri is not supported; send the parameters'),
  response_type_unsupported: wire('unsupported_response_type', 'response_type must be code'),
  response_mode_unsupported: wire('invalid_request', 'response_mode must be query'),
  consent_required: wire('interaction_required', 'prompt=none is not supported; every request needs consent'),
  pkce_required: wire('invalid_request', 'PKCE is required: send code_challenge with code_challenge_method=S256'),

  // Consent, callback and dashboard sign-in
  consent_answer_missing: wire('invalid_request', 'answer must be approve or deny', 'answer-missing'),
  consent_cross_origin: wire(
    'access_denied',
    (origin: string) => `form was not sent by a page of ${origin}`,
    'cross-origin',
  ),
  consent_cookie_missing: wire('access_denied', 'cookie of this authorization request is missing', 'request-elsewhere'),
  authorization_request_closed: wire(
    'invalid_request',
    'authorization request is completed or expired',
    'request-closed',
  ),
  sign_in_cookie_missing: wire('access_denied', 'cookie of this state is missing', 'sign-in-elsewhere'),
  upstream_state_closed: wire('invalid_request', 'state is used or expired', 'sign-in-closed'),
  dashboard_target_invalid: wire('invalid_request', 'to is not an address of the dashboard', 'malformed'),

  // Client registration
  registration_disabled: wire('access_denied', 'dynamic client registration is disabled on this server'),
  registration_too_large: wire(
    'invalid_client_metadata',
    (size: number, limit: number) => `body has ${size} bytes; the limit is ${limit}`,
  ),
  registration_not_utf8: wire('invalid_client_metadata', 'body is not UTF-8'),
  registration_not_json: wire('invalid_client_metadata', 'body is not JSON'),
  registration_invalid: wire('invalid_client_metadata', (member: string, issue: string) => `${member}: ${issue}`),
  redirect_uri_invalid: wire(
    'invalid_redirect_uri',
    (uri: string, fault: string) => `${quoted(uri)} is not allowed: ${fault}`,
  ),
  redirect_uri_not_listed: wire(
    'invalid_redirect_uri',
    (uri: string) => `redirect_uri ${quoted(uri)} is not on the allow-list`,
  ),

  // Client authentication
  client_secret_unsupported: wire(
    'invalid_client',
    'this client has no secret; send client_id alone or client_assertion',
  ),
  client_secret_malformed: wire('invalid_client', 'Authorization must be Basic with client_id and client_secret'),
  client_secret_required: wire(
    'invalid_client',
    'client_secret is required (client_secret_basic or client_secret_post)',
  ),
  client_secret_wrong: wire('invalid_client', 'client_secret is wrong or expired'),
  client_authentication_repeated: wire('invalid_client', 'authenticate the client once: by secret or by assertion'),
  client_id_differs: wire('invalid_client', 'client_id differs from that of the Authorization header'),
  client_id_missing: wire('invalid_client', 'client_id is missing'),
  query_unexpected: wire('invalid_request', 'send the parameters in the body, not in the query'),
  client_unknown: wire('invalid_client', 'client_id is unknown; register the client'),
  client_unregistered: wire('invalid_client', 'client is not registered, or its registration expired; register again'),
  client_document_rejected: wire('invalid_client', (reason: string) => `document at client_id is rejected: ${reason}`),
  client_keys_rejected: wire('invalid_client', (reason: string) => `key set at jwks_uri is rejected: ${reason}`),
  // Not 5xx, which an alarm counts: strangers choose the URLs.
  client_document_unreachable: wire(
    'temporarily_unavailable',
    (reason: string) => `document at client_id cannot be fetched: ${reason}`,
    'unreachable-client',
    400,
  ),
  client_keys_unreachable: wire(
    'temporarily_unavailable',
    (reason: string) => `key set at jwks_uri cannot be fetched: ${reason}`,
    'unreachable-client',
    400,
  ),
  client_document_delayed: wire(
    'temporarily_unavailable',
    'too many clients connect for the first time; repeat the request shortly',
    'delayed-client',
    429,
  ),
  assertion_unexpected: wire('invalid_client', 'client has no keys; send client_id without client_assertion'),
  assertion_required: wire('invalid_client', 'client_assertion is required (private_key_jwt)'),
  assertion_missing: wire('invalid_client', 'client_assertion is missing'),
  assertion_type_unsupported: wire('invalid_client', (type: string) => `client_assertion_type must be ${type}`),
  assertion_unverified: wire('invalid_client', (reason: string) => `client_assertion is not valid: ${reason}`),
  assertion_type: wire('invalid_client', (typ: string) => `client_assertion has the typ ${quoted(typ)}; use JWT`),
  assertion_audience: wire('invalid_client', (audience: string) => `client_assertion: aud must be ${audience} alone`),
  assertion_expired: wire('invalid_client', 'client_assertion: exp is missing or in the past'),
  assertion_too_long: wire('invalid_client', 'client_assertion: exp is more than an hour ahead'),
  assertion_from_future: wire('invalid_client', 'client_assertion: iat is in the future'),
  assertion_without_id: wire(
    'invalid_client',
    (longest: number) => `client_assertion: jti is missing or over ${longest} characters`,
  ),
  assertion_replayed: wire('invalid_client', 'client_assertion is already used; sign a new one'),

  // Token endpoint
  grant_type_unsupported: wire(
    'unsupported_grant_type',
    'grant_type is not supported; the metadata lists grant_types_supported',
  ),
  code_unknown: wire('invalid_grant', 'code is unknown or issued to another client'),
  code_redirect_mismatch: wire('invalid_grant', 'redirect_uri differs from the authorization request'),
  code_verifier_mismatch: wire('invalid_grant', 'code_verifier does not match code_challenge'),
  code_used: wire('invalid_grant', 'code is already used'),
  code_expired: wire('invalid_grant', 'code is expired'),
  refresh_token_invalid: wire('invalid_grant', 'refresh token is invalid or expired; sign in again'),
  scope_not_granted: wire(
    'invalid_scope',
    (scope: string) => `scope ${quoted(scope)} is not granted; authorize again to add it`,
  ),

  // Grants without a sign-in
  client_not_machine: wire('unauthorized_client', 'client_credentials is for machine clients, which the operator adds'),
  machine_client_only: wire('unauthorized_client', 'a machine client has no user; use grant_type client_credentials'),
  scope_not_allowed: wire(
    'invalid_scope',
    (scope: string) => `scope ${quoted(scope)} is not allowed here; ask the operator to add it`,
  ),
  assertion_client_public: wire('unauthorized_client', 'an enterprise assertion needs a client that authenticates'),
  grant_assertion_malformed: wire('invalid_grant', 'assertion is not a JWT with iss'),
  grant_assertion_issuer: wire('invalid_grant', 'the issuer of the assertion is not trusted; ask the operator'),
  grant_assertion_unverified: wire('invalid_grant', (reason: string) => `assertion is not valid: ${reason}`),
  // Not 5xx, which an alarm counts: strangers choose the time of a request.
  issuer_keys_unavailable: wire(
    'temporarily_unavailable',
    (reason: string) => `the keys of the issuer cannot be fetched: ${reason}`,
    undefined,
    400,
  ),
  grant_assertion_type: wire(
    'invalid_grant',
    (typ: string) => `assertion has the typ ${quoted(typ)}, which is for another use`,
  ),
  grant_assertion_audience: wire('invalid_grant', (audience: string) => `assertion: aud must be ${audience} alone`),
  grant_assertion_client: wire(
    'invalid_grant',
    'assertion: client_id is not the client of this request, or not allowed',
  ),
  grant_assertion_resource: wire('invalid_grant', (resource: string) => `assertion: resource must be ${resource}`),
  grant_assertion_subject: wire('invalid_grant', 'assertion: sub is not allowed here; ask the operator'),
  grant_assertion_expired: wire('invalid_grant', 'assertion: exp is missing or in the past'),
  grant_assertion_too_long: wire(
    'invalid_grant',
    (minutes: number) => `assertion: exp is more than ${minutes} minutes ahead`,
  ),
  grant_assertion_from_future: wire('invalid_grant', 'assertion: iat is missing, or iat or nbf is in the future'),
  grant_assertion_without_id: wire('invalid_grant', 'assertion: jti is missing or too long'),
  grant_assertion_replayed: wire('invalid_grant', 'assertion is already used; bring a new one'),
  grant_revoked: wire('invalid_grant', (id: string) => `access is revoked; the operator can allow the grant ${id}`),
  // Not 5xx, which an alarm counts.
  token_requests_limited: wire(
    'temporarily_unavailable',
    'too many token requests; use a token until it expires, and repeat the request later',
    undefined,
    429,
  ),
  revocation_unsupported: wire(
    'unsupported_token_type',
    'this token has no refresh token; it expires by itself, and the operator can revoke it',
  ),

  // Failures outside the request
  upstream_denied: wire('access_denied', 'the identity provider denied the sign-in', 'sign-in-denied'),
  upstream_misconfigured: wire(
    'server_error',
    (fault: ProviderFault) => `${fault}: ${providerFaults[fault].problem}`,
    'misconfigured',
  ),
  // Not 5xx, which an alarm counts: any browser can bring an error code or an authorization code of its choice.
  upstream_error_brought: wire(
    'server_error',
    (fault: ProviderFault) => `${fault}: ${providerFaults[fault].problem}`,
    'misconfigured',
    403,
  ),
  upstream_code_rejected: wire(
    'server_error',
    'the identity provider rejected the code of the sign-in',
    'sign-in-denied',
    403,
  ),
  upstream_rejected: wire('server_error', 'the identity provider rejected the sign-in', 'server-error', 403),
  service_unavailable: wire(
    'temporarily_unavailable',
    'a service that this server needs does not respond; repeat the request shortly',
    'unavailable',
  ),
  unexpected_error: wire('server_error', 'internal server error; the operator finds it in the log', 'server-error'),
} satisfies Record<string, WireError<never>>;

/** Why the facade rejects a request. */
export type OAuthErrorReason = keyof typeof wireErrors;

type DetailsOf<Reason extends OAuthErrorReason> = Parameters<(typeof wireErrors)[Reason]['describe']>;

/** The document of a client that cannot be used, for the page. A stranger chose the URL. */
export type FaultyDocument = { url: string; reason: string };

/** A request that the facade rejects. The message is the `error_description`. */
export class OAuthError extends Error {
  override readonly name = 'OAuthError';
  readonly reason: OAuthErrorReason;
  readonly code: OAuthErrorCode;
  /** HTTP status of a response that is not a redirect. */
  readonly status: number;
  /** The text that a person reads instead of the description. */
  readonly page: PageProblem;
  readonly document: FaultyDocument | undefined;

  constructor(reason: OAuthErrorReason, description: string, document?: FaultyDocument) {
    super(shortened(descriptionText(description), LONGEST_DESCRIPTION));
    const { code, page = 'malformed', status = statusOf(code) } = wireErrors[reason];
    this.reason = reason;
    this.code = code;
    this.status = status;
    this.page = page;
    this.document = document;
  }
}

/** The error of a reason, described with the details that the reason needs. */
export function oauthError<Reason extends OAuthErrorReason>(reason: Reason, ...details: DetailsOf<Reason>): OAuthError {
  const describe = wireErrors[reason].describe as (...details: DetailsOf<Reason>) => string;
  return new OAuthError(reason, describe(...details));
}

/** The error of a client's document, or of its key set. */
export function documentError(
  rejected: 'client_id_document_rejected' | 'client_document_rejected' | 'client_keys_rejected',
  { fault, message }: ClientDocumentError,
  url: string,
): OAuthError {
  const unreachable = rejected === 'client_keys_rejected' ? 'client_keys_unreachable' : 'client_document_unreachable';
  const reason = { rejected, unreachable, delayed: 'client_document_delayed' }[fault] as typeof rejected;
  return new OAuthError(reason, wireErrors[reason].describe(message), { url, reason: message });
}

/** HTTP status of the errors of a code, as JSON (RFC 6749 §5.2) or as a page. */
export function statusOf(code: OAuthErrorCode): number {
  switch (code) {
    case 'invalid_client':
      return 401;
    case 'access_denied':
      return 403;
    case 'server_error':
      return 500;
    case 'temporarily_unavailable':
      return 503;
    default:
      return 400;
  }
}

/** Whether the response states when to repeat the request. */
export const isCuredByWaiting = (status: number): boolean => status === 429 || status === 503;
