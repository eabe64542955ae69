import { randomBytes } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { freePort } from '../../local/free-port.ts';
import { HydraSignIn } from './hydra-sign-in.ts';
import { installOnce, ProviderProcess, runCommand } from './provider-process.ts';
import type { ProviderProduct, RealProvider } from './real-provider.ts';

const source = join(import.meta.dirname, 'hydra');

/** Builds it from its Go module, for a database in a file. */
async function install(): Promise<string> {
  const recipe = ['go.mod', 'main.go'].map((file) => readFileSync(join(source, file), 'utf8')).join('');
  const folder = await installOnce('hydra', recipe, async (folder) => {
    cpSync(source, folder, { recursive: true });
    const tags = 'sqlite,sqlite_omit_load_extension';
    await runCommand('go', ['build', '-mod=mod', '-tags', tags, '-o', 'bin/hydra', '.'], { cwd: folder });
  });
  return join(folder, 'bin/hydra');
}

/** A JSON request. @throws Error for a response other than 2xx */
async function send(method: string, url: string, body?: unknown): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url} failed with ${response.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

/**
 * Ory Hydra. It has no users: the operator writes the pages for sign-in and consent, and a hook that it asks at every
 * refresh. Here `HydraSignIn` is both.
 */
async function start(folder: string): Promise<RealProvider> {
  const program = await install();
  const [publicPort, adminPort] = [await freePort(), await freePort()];
  const origin = `http://127.0.0.1:${publicPort}`;
  const admin = `http://127.0.0.1:${adminPort}/admin`;
  const signIn = await HydraSignIn.start((method, path, body) => send(method, `${admin}${path}`, body));
  const database = join(folder, 'hydra.sqlite');
  const configuration = join(folder, 'hydra.json');
  writeFileSync(
    configuration,
    JSON.stringify({
      dsn: `sqlite://${database}?_fk=true`,
      serve: {
        public: { host: '127.0.0.1', port: publicPort },
        admin: { host: '127.0.0.1', port: adminPort },
      },
      urls: { self: { issuer: origin }, login: `${signIn.origin}/login`, consent: `${signIn.origin}/consent` },
      oauth2: { refresh_token_hook: `${signIn.origin}/refresh`, allowed_top_level_claims: ['groups'] },
      // Direct mode needs both: clients that register themselves, and access tokens with an audience.
      oidc: { dynamic_client_registration: { enabled: true } },
      webfinger: { oidc_discovery: { client_registration_url: `${origin}/oauth2/register` } },
      strategies: { access_token: 'jwt' },
      secrets: { system: [randomBytes(16).toString('hex')] },
    }),
  );
  await runCommand(program, ['migrate', 'sql', '--read-from-env', '--yes', '--config', configuration]);
  const process = await ProviderProcess.start(
    program,
    ['serve', 'all', '--dev', '--sqa-opt-out', '--config', configuration],
    { ready: `http://127.0.0.1:${adminPort}/health/ready` },
  );

  return {
    origin,
    async registerHoldfast({ id, secret, redirectUri }) {
      await send('POST', `${admin}/clients`, {
        client_id: id,
        client_secret: secret,
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        scope: 'openid profile email offline_access',
        token_endpoint_auth_method: 'client_secret_post',
      });
    },
    createUser: async (user, groups) => signIn.setGroups(user, groups),
    setGroups: async (user, groups) => signIn.setGroups(user, groups),
    disable: async (user) => signIn.disable(user),
    formFields: (user) => ({ username: user, password: user }),
    async refreshTokensOf(user) {
      const reader = new DatabaseSync(database, { readOnly: true });
      const query = 'SELECT COUNT(*) AS count FROM hydra_oauth2_refresh WHERE active AND subject = ?';
      const { count } = reader.prepare(query).get(user) as { count: number };
      reader.close();
      return count;
    },
    async prepareDirectMode(mcpUrl) {
      signIn.audience = mcpUrl;
    },
    async stop() {
      await process.stop();
      await signIn.stop();
    },
  };
}

export const hydra: ProviderProduct = {
  name: 'hydra',
  title: 'Ory Hydra 2.3.0',
  settings: { idpScopes: 'openid profile email offline_access' },
  disabledUser: 'signs in',
  issuesUnrequestedRefreshTokens: false,
  issuerPath: '',
  direct: { settings: { idpScopes: 'mcp' } },
  start,
};
