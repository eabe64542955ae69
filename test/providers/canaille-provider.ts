import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../local/free-port.ts';
import { installOnce, ProviderProcess, runCommand } from './provider-process.ts';
import type { ProviderProduct, RealProvider } from './real-provider.ts';

const requirements = join(import.meta.dirname, 'canaille-requirements.txt');

async function install(): Promise<string> {
  const folder = await installOnce('canaille', readFileSync(requirements, 'utf8'), async (folder) => {
    await runCommand('python3', ['-m', 'venv', folder]);
    await runCommand(join(folder, 'bin/pip'), ['install', '--disable-pip-version-check', '-r', requirements]);
  });
  return join(folder, 'bin/canaille');
}

type StoredToken = { refresh_token?: string; revokation_date?: string };

/** Canaille, which its operator administers on the command line while it runs. */
async function start(folder: string): Promise<RealProvider> {
  const program = await install();
  const host = `127.0.0.1:${await freePort()}`;
  const configuration = join(folder, 'canaille.toml');
  writeFileSync(
    configuration,
    `SECRET_KEY = "${randomBytes(16).toString('hex')}"
SERVER_NAME = "${host}"
PREFERRED_URL_SCHEME = "http"
DATABASE = "sql"
[CANAILLE_SQL]
DATABASE_URI = "sqlite:///${join(folder, 'canaille.sqlite')}"
`,
  );
  const env = { CANAILLE_CONFIG: configuration };
  const canaille = (...argv: string[]) => runCommand(program, argv, { env });
  const repeated = (option: string, values: string[]) => values.flatMap((value) => [option, value]);
  const groups = new Set<string>();

  await canaille('install');
  const origin = `http://${host}`;
  const process = await ProviderProcess.start(program, ['run', '--bind', host], {
    env,
    ready: `${origin}/.well-known/openid-configuration`,
  });

  async function setGroups(user: string, names: string[]): Promise<void> {
    for (const name of names.filter((name) => !groups.has(name))) {
      // Canaille has no group without a member.
      await canaille('create', 'group', '--display-name', name, '--members', user);
      groups.add(name);
    }
    await canaille('set', 'user', user, ...repeated('--groups', names));
  }

  return {
    origin,
    async registerHoldfast({ id, secret, redirectUri }) {
      await canaille(
        ...['create', 'client', '--client-id', id, '--client-secret', secret, '--client-name', 'Holdfast'],
        ...['--redirect-uris', redirectUri, '--response-types', 'code'],
        ...['--token-endpoint-auth-method', 'client_secret_basic'],
        ...repeated('--grant-types', ['authorization_code', 'refresh_token']),
        ...repeated('--scope', ['openid', 'profile', 'email', 'groups']),
      );
      // The form of its administration does the same; without it, id tokens have no audience.
      await canaille('set', 'client', id, '--audience', id);
    },
    async createUser(user, names) {
      const name = ['--given-name', user, '--family-name', 'Example', '--emails', `${user}@example.com`];
      await canaille('create', 'user', '--user-name', user, '--password', user, ...name);
      await setGroups(user, names);
    },
    setGroups,
    async disable(user) {
      await canaille('set', 'user', user, '--lock-date', '2026-01-01T00:00:00+00:00');
    },
    formFields: (user) => ({ login: user, password: user, answer: 'accept' }),
    async refreshTokensOf(user) {
      const tokens: StoredToken[] = JSON.parse(await canaille('get', 'token', '--subject', user));
      return tokens.filter((token) => token.refresh_token && !token.revokation_date).length;
    },
    stop: () => process.stop(),
  };
}

export const canaille: ProviderProduct = {
  name: 'canaille',
  title: 'Canaille 0.3.6',
  // It issues groups for a scope of that name. Its revocation endpoint accepts `client_secret_basic` alone.
  settings: {
    idpAuthentication: 'client_secret_basic',
    idpName: 'Canaille',
    idpScopes: 'openid profile email groups',
  },
  issuesUnrequestedRefreshTokens: true,
  // `invalid_request`
  disabledUser: 'waits',
  issuerPath: '',
  direct: { impossible: 'its access tokens are opaque' },
  start,
};
