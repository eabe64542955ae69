import { readFileSync } from 'node:fs';
import { serviceKey } from '../../lambda/core/access/user-key.ts';
import {
  createMachineClientId,
  createSecret,
  type RegisteredMachineClient,
  replacedSecrets,
} from '../../lambda/core/admin/machine-client-registry.ts';
import { revokeUser } from '../../lambda/core/admin/revocation.ts';
import type { ClientKeys } from '../../lambda/core/oauth/clients/oauth-client.ts';
import { printableJson } from '../../lambda/core/support/untrusted-text.ts';
import { hasPrivateMembers } from '../../lambda/shared/jwk-members.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { startCommand } from '../../local/start-command.ts';
import { UsageError } from '../command-errors.ts';
import type {
  ClientAddOptions,
  ClientAllowOptions,
  ClientRemoveOptions,
  ClientRotateOptions,
} from '../commands/parsed-options.ts';
import { showList } from '../output/list-output.ts';
import { confirm, report, write } from '../output/terminal.ts';
import type { Column } from '../output/text-table.ts';
import { localDay, timeOfDay } from '../output/time-text.ts';
import { type Deployment, openDeployment } from '../target/deployment.ts';

const nameForm = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** Adds a machine client to the table, without a deployment. */
export async function addMachineClient(name: string, options: ClientAddOptions): Promise<void> {
  if (!nameForm.test(name)) {
    throw new UsageError(
      `The name ${JSON.stringify(name)} is not usable; use letters, digits and ._- such as nightly-report`,
    );
  }
  const { scopes } = options;
  if (!scopes) throw new UsageError('Pass the scopes of its tokens, such as --scopes mcp');
  const keys = options.jwks === undefined ? undefined : readKeys(options.jwks);
  const deployment = await openDeployment(options);
  await checkServer(deployment, scopes, options.local);
  if ((await deployment.machineClients.list()).some((client) => client.name === name)) {
    throw new ConfigurationError(
      `A machine client ${JSON.stringify(name)} exists; npx holdfast clients rotate replaces its secret`,
    );
  }
  const id = createMachineClientId();
  const { secret, stored } = await createSecret();
  await deployment.machineClients.add({
    id,
    name,
    scopes,
    ...(keys ? { keys } : { secrets: [stored] }),
    createdAt: deployment.seconds(),
  });
  await showCredentials({ client_id: id, ...(!keys && { client_secret: secret }) }, options.json);
}

/** Replaces the secret of a machine client; the one before it stays valid for the overlap. */
export async function rotateMachineClient(name: string, options: ClientRotateOptions): Promise<void> {
  const deployment = await openDeployment(options);
  const { id, secrets } = await machineClientOf(deployment, name);
  if (!secrets)
    throw new ConfigurationError(`${name} has keys and no secret; replace them at its jwksUri, or add it anew`);
  const { secret, stored } = await createSecret();
  const overlap = options.overlap ?? 24 * 3600;
  await deployment.machineClients.replaceSecrets(id, replacedSecrets(secrets, stored, deployment.seconds(), overlap));
  await showCredentials({ client_id: id, client_secret: secret }, options.json);
}

/** Removes a machine client, and revokes its grant. */
export async function removeMachineClient(name: string, options: ClientRemoveOptions): Promise<void> {
  const deployment = await openDeployment(options);
  const { id } = await machineClientOf(deployment, name);
  await confirm(
    { effect: [`Removes the machine client ${name} (${id}) and ends its access.`], expected: 'yes' },
    options.yes,
  );
  // In this order it gets no token in between.
  await deployment.machineClients.remove(id);
  const user = await serviceKey(deployment.origin, id);
  const { grants } = await revokeUser(user, deployment, deployment.seconds());
  if (options.json) return write(`${printableJson({ removed: id, revoked: grants })}\n`);
  report(`${name} removed: rejected from the next request on.`, false);
}

export async function listMachineClients(
  options: { json?: boolean } & Parameters<typeof openDeployment>[0],
): Promise<void> {
  const { machineClients } = await openDeployment(options);
  const items = (await machineClients.list()).map(shown);
  const page = { items };
  await showList(
    (async function* () {
      yield page;
    })(),
    machineColumns,
    { asJson: options.json, ifEmpty: 'No machine clients in the table; the setting machineClients may have others.' },
  );
}

/** Tokens of a service live for an hour at most. */
const LONGEST_TOKEN_SECONDS = 3600;

/**
 * Allows a machine client, a workload or an enterprise's client whose grant is revoked to get tokens again. In direct mode it
 * admits a blocked client at once: only the provider knows how long its tokens live.
 */
export async function allowGrant(grant: string, options: ClientAllowOptions): Promise<void> {
  const { directory, grantBlock, isDirect, seconds } = await openDeployment(options);
  const [found] = await directory.grants([grant]);
  if (found?.status !== 'revoked')
    throw new ConfigurationError(`No revoked grant ${JSON.stringify(grant)}; nothing changed.`);
  if (found.origin === undefined && found.user !== undefined) {
    throw new ConfigurationError('The grant is of a sign-in: its user connects the client again.');
  }
  const wait = isDirect ? 0 : LONGEST_TOKEN_SECONDS;
  const until = (found.revokedAt ?? 0) + wait;
  if (!(await grantBlock.unblock(grant, seconds() - wait))) {
    throw new ConfigurationError(
      `Tokens from before the revocation would be valid again until ${timeOfDay(until * 1000)}; repeat the command then.`,
    );
  }
  if (options.json) return write(`${printableJson({ allowed: grant })}\n`);
  report(
    isDirect
      ? 'Allowed: tokens of the identity provider are accepted again, also those from before.'
      : 'Allowed: its next token request creates a new grant.',
    false,
  );
}

const shown = ({ id, name, scopes, keys, secrets = [], createdAt }: RegisteredMachineClient) => ({
  name,
  client_id: id,
  authentication: keys ? 'private_key_jwt' : 'client_secret',
  secrets: secrets.length,
  scopes,
  createdAt: createdAt * 1000,
});

const machineColumns: Column<ReturnType<typeof shown>>[] = [
  { title: 'NAME', text: ({ name }) => name },
  { title: 'CLIENT ID', text: ({ client_id }) => client_id },
  { title: 'AUTHENTICATION', text: ({ authentication }) => authentication },
  { title: 'SECRETS', text: ({ secrets }) => String(secrets), right: true },
  { title: 'ADDED', text: ({ createdAt }) => localDay(createdAt) },
  { title: 'SCOPES', text: ({ scopes }) => scopes.join(' ') },
];

async function machineClientOf({ machineClients }: Deployment, name: string): Promise<RegisteredMachineClient> {
  const client = (await machineClients.list()).find((each) => each.name === name || each.id === name);
  if (client) return client;
  throw new ConfigurationError(
    `No machine client ${JSON.stringify(name)}; npx holdfast clients list --machines shows them.`,
  );
}

async function showCredentials(
  credentials: { client_id: string; client_secret?: string },
  asJson: boolean | undefined,
): Promise<void> {
  if (asJson) return write(`${printableJson(credentials)}\n`);
  await write(
    Object.entries(credentials)
      .map(([name, value]) => `${name.padEnd(13)}  ${value}\n`)
      .join(''),
  );
  if (credentials.client_secret !== undefined) report('The secret is not stored and cannot be shown again.', true);
}

/** The deployment's metadata says whether it admits machine clients, and which scopes it has. */
async function checkServer({ origin }: Deployment, scopes: string[], isLocal = false): Promise<void> {
  const url = `${origin}/.well-known/oauth-authorization-server`;
  const metadata = await fetchMetadata(url);
  if (!metadata.grant_types_supported?.includes('client_credentials')) {
    const remedy = isLocal ? `start with ${startCommand("-c 'machineClients={}'")}` : 'deploy with machineClients: {}';
    throw new ConfigurationError(`Machine clients are off; ${remedy} first`);
  }
  const unknown = scopes.filter((scope) => !metadata.scopes_supported?.includes(scope));
  if (unknown.length > 0) {
    throw new ConfigurationError(
      `The server has no scope ${unknown.join(', ')}; it has ${metadata.scopes_supported?.join(', ')}`,
    );
  }
}

type Metadata = { grant_types_supported?: string[]; scopes_supported?: string[] };

async function fetchMetadata(url: string): Promise<Metadata> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
    if (response.ok) return (await response.json()) as Metadata;
    throw new Error(`it answered ${response.status}`);
  } catch (error) {
    throw new ConfigurationError(`The metadata at ${url} cannot be read: ${(error as Error).message}`);
  }
}

/** A key set, or one key, in a file; or the URL of a key set. @throws UsageError */
function readKeys(source: string): ClientKeys {
  if (source.startsWith('https://')) return { jwksUri: source };
  const parsed = parseKeys(source);
  const keys = Array.isArray(parsed.keys) ? parsed.keys : [parsed];
  if (!keys.every((key: { kty?: string }) => ['EC', 'RSA', 'OKP'].includes(key?.kty ?? ''))) {
    throw new UsageError(`${source} has no public keys; write a JWK set of EC, RSA or OKP keys`);
  }
  if (keys.some(hasPrivateMembers)) {
    throw new UsageError(`${source} has a private key; keep it at the client, and give the public key only`);
  }
  return { jwks: { keys } };
}

function parseKeys(file: string) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`The key set ${file} cannot be read: ${(error as Error).message}`);
  }
}
