import { X509Certificate } from 'node:crypto';
import { hasPrivateMembers } from '../../lambda/shared/jwk-members.ts';
import { isLoopbackHost } from '../../lambda/shared/loopback.ts';
import { type Facts, serverMetadataIn } from './deployment-facts.ts';
import { isOwnServer } from './discovery-checks.ts';
import { type Finding, fail, ok, quoted, summaryOf, warn } from './finding.ts';
import { isResponse, jsonObjectIn } from './http-probe.ts';

/** The capabilities in the authorization server's metadata, its key set, and registration. */
export function* checkAuthorizationServer(facts: Facts): Generator<Finding> {
  const document = serverMetadataIn(facts);
  if (document !== undefined && facts.issuer !== undefined && document.issuer === facts.issuer) {
    const isOwn = isOwnServer(facts);
    const mend = isOwn
      ? 'Deploy again: the metadata of Holdfast has it.'
      : 'The provider has to offer it. Otherwise omit idpMode: Holdfast is then the authorization server.';
    yield* checkEndpoints(document, facts.url, mend);
    yield* checkCapabilities(document, mend);
    yield* checkClientAdmission(document, isOwn);
    yield* listMachineGrants(document);
  }
  if (document !== undefined) yield checkKeys(facts);
  yield* checkRegistration(facts);
}

type Metadata = Record<string, unknown>;

function* checkEndpoints(document: Metadata, url: string, mend: string): Generator<Finding> {
  for (const name of ['authorization', 'token']) {
    const endpoint = document[`${name}_endpoint`];
    yield typeof endpoint === 'string' && isSecure(endpoint, url)
      ? ok(`server/${name}`, quoted(endpoint))
      : fail(`server/${name}`, `${name}_endpoint is ${quoted(endpoint)}, not an https URL`, {
          why: 'Clients cannot sign in without it.',
          mend,
        });
  }
}

/** Https, or loopback if the server is on loopback too. */
function isSecure(endpoint: string, server: string): boolean {
  const parsed = URL.parse(endpoint);
  return (
    parsed !== null && (parsed.protocol === 'https:' || (isLoopbackHost(parsed) && isLoopbackHost(new URL(server))))
  );
}

function listsOf(document: Metadata) {
  return (name: string, value: string) => {
    const list = document[name];
    return Array.isArray(list) && list.includes(value);
  };
}

function* checkCapabilities(document: Metadata, mend: string): Generator<Finding> {
  const lists = listsOf(document);
  yield lists('code_challenge_methods_supported', 'S256')
    ? ok('server/pkce', 'S256')
    : fail('server/pkce', 'code_challenge_methods_supported does not contain S256', {
        why: 'Clients must reject such a server (MCP 2025-11-25, authorization code protection).',
        mend,
      });
  yield lists('token_endpoint_auth_methods_supported', 'none')
    ? ok('server/public-clients', 'clients need no secret')
    : warn('server/public-clients', 'token_endpoint_auth_methods_supported does not contain none', {
        why: 'Desktop clients keep no secret, and claude.ai uses a client metadata document only with none.',
        mend,
      });
  yield document.response_types_supported === undefined || lists('response_types_supported', 'code')
    ? ok('server/code', 'the authorization code flow')
    : fail('server/code', 'response_types_supported does not contain code', {
        why: 'MCP clients have no other flow.',
        mend,
      });
  yield lists('grant_types_supported', 'refresh_token')
    ? ok('server/refresh', 'refresh tokens')
    : warn('server/refresh', 'grant_types_supported does not contain refresh_token', {
        why: 'Users sign in again whenever an access token expires.',
        mend,
      });
  yield document.authorization_response_iss_parameter_supported === true
    ? ok('server/iss', 'authorization responses name their issuer (RFC 9207)')
    : warn('server/iss', 'authorization_response_iss_parameter_supported is not true', {
        why: 'A client of several servers is open to mix-up attacks (RFC 9207).',
        mend,
      });
}

/** How a client without a pre-registered id connects: client metadata documents (CIMD) and registration (RFC 7591). */
function* checkClientAdmission(document: Metadata, isOwn: boolean): Generator<Finding> {
  const hasDocuments = document.client_id_metadata_document_supported === true;
  const hasRegistration = typeof document.registration_endpoint === 'string';
  if (!hasDocuments && !hasRegistration) {
    yield warn('server/admission', 'neither client metadata documents nor registration', {
      why: 'Only pre-registered clients can connect.',
      mend: 'If this is not intended, set clientDocuments and dynamicRegistration; in direct mode, at the provider.',
    });
    return;
  }
  yield hasDocuments
    ? ok('server/client-documents', 'client metadata documents')
    : warn('server/client-documents', 'client_id_metadata_document_supported is not true', {
        why: 'Clients register instead, and a registration can use any name.',
        mend: isOwn ? 'Set clientDocuments to open or allow-list.' : 'Enable it at the provider, if available.',
      });
  yield hasRegistration
    ? ok('server/registration', 'dynamic client registration')
    : warn('server/registration', 'registration_endpoint is missing', {
        why: 'Clients without a metadata document, which are still the majority, cannot connect.',
        mend: isOwn ? 'Set dynamicRegistration to open or allow-list.' : 'Enable it at the provider.',
      });
}

/** The grants without a browser, each of which the operator switches on (`docs/sign-in.md`). */
function* listMachineGrants(document: Metadata): Generator<Finding> {
  const lists = listsOf(document);
  if (lists('grant_types_supported', 'client_credentials')) yield ok('server/machine-clients', 'client credentials');
  if (!lists('grant_types_supported', 'urn:ietf:params:oauth:grant-type:jwt-bearer')) return;
  const takesEnterprises = lists(
    'authorization_grant_profiles_supported',
    'urn:ietf:params:oauth:grant-profile:id-jag',
  );
  yield ok(
    'server/assertions',
    takesEnterprises ? 'assertions of trusted issuers, enterprises (ID-JAG) included' : 'assertions of workloads',
  );
}

function checkKeys(facts: Facts): Finding {
  const { keys: result } = facts;
  const isOwn = isOwnServer(facts);
  const effect = isOwn
    ? {
        why: 'Programs that verify access tokens find no key. /mcp has the keys since the deployment.',
        mend: 'Check the log of the OAuth function.',
      }
    : { why: 'No access token can be verified: /mcp answers 503.', mend: 'Check the provider.' };
  if (result === undefined) return fail('keys', 'jwks_uri is missing', effect);
  const keys = jsonObjectIn(result)?.keys;
  if (!isResponse(result) || result.status !== 200 || !Array.isArray(keys) || keys.length === 0) {
    const found = isResponse(result) ? `${result.status}, without keys` : result.problem;
    return fail('keys', `${result.url}: ${found}`, effect);
  }
  if (keys.some((key) => hasPrivateMembers(Object(key)))) {
    return fail('keys', `${result.url} contains a private key`, {
      why: 'Any reader can issue access tokens.',
      mend: 'Rotate the key now (docs/operate.md, signingKeys), and revoke every grant.',
    });
  }
  const expired = keys.filter((key) => keyEnd(Object(key)) <= result.receivedAt);
  if (expired.length > 0) {
    return fail('keys', `${result.url} has ${expired.length} expired of ${keys.length} keys`, {
      why: 'Programs that observe the end of a key reject its tokens.',
      mend: isOwn ? 'Rotate the key now (docs/operate.md, signingKeys).' : 'Rotate the keys at the provider.',
    });
  }
  return ok('keys', `${keys.length} at ${result.url}`);
}

/** When a key expires, in epoch milliseconds: `exp` (OpenID Federation 1.0), or the end of its certificate (RFC 7517 §4.7). */
function keyEnd({ exp, x5c }: { exp?: unknown; x5c?: unknown }): number {
  if (typeof exp === 'number') return exp * 1000;
  const [certificate] = Array.isArray(x5c) ? x5c : [];
  if (typeof certificate !== 'string') return Number.POSITIVE_INFINITY;
  try {
    return Date.parse(new X509Certificate(Buffer.from(certificate, 'base64')).validTo);
  } catch {
    // Not a certificate: verifiers use the members of the key alone.
    return Number.POSITIVE_INFINITY;
  }
}

const REPORT_TO_VENDOR = 'Report it to the vendor of the authorization server.';

function* checkRegistration(facts: Facts): Generator<Finding> {
  const { registration: result } = facts;
  if (result === undefined) return;
  const isOwn = isOwnServer(facts);
  const check = 'registration';
  const client = jsonObjectIn(result);
  if (!isResponse(result) || result.status !== 201 || typeof client?.client_id !== 'string') {
    yield fail(check, summaryOf(result), {
      why: 'Clients that register cannot connect.',
      mend: isOwn
        ? 'The response has the reason. With dynamicRegistration: allow-list, allow loopback hosts, or omit --register.'
        : 'The response of the provider has the reason: its rules for registrations, such as hosts and scopes, decide.',
    });
    return;
  }
  const nullMembers = Object.keys(client).filter((name) => client[name] === null);
  if (nullMembers.length > 0) {
    yield fail(check, `null in the response: ${nullMembers.join(', ')}`, {
      why: 'Claude Code rejects it: an absent member has to be omitted.',
      mend: REPORT_TO_VENDOR,
    });
  } else if (client.client_secret !== undefined && !Number.isInteger(client.client_secret_expires_at)) {
    yield fail(check, 'client_secret without client_secret_expires_at', {
      why: 'Clients reject it (RFC 7591 §3.2.1).',
      mend: REPORT_TO_VENDOR,
    });
  } else {
    const end = isOwn ? 'it expires unless it is used' : 'delete it at the provider';
    yield ok(check, `registered ${client.client_id}; ${end}`);
  }
}
