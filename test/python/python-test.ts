/**
 * Runs the example in `examples/python` behind the local emulator, in both eras of the protocol: tools, progress, errors,
 * elicitation, resources, prompts, and the assertion of the user. Machine clients of the SDK of Python call its tools.
 *
 * `npm run test:python`. It needs a Python with `examples/python/requirements.txt`; without it, it prints how to install
 * them, and fails in CI only.
 */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { exportJWK, exportPKCS8, generateKeyPair } from 'jose';
import { assemblyOfSources, changed, setVariables } from '../../bench/harness/assembly.ts';
import { EmulatorProcess } from '../../bench/harness/emulator-process.ts';
import { OAuthClient } from '../../bench/harness/raw-oauth-client.ts';
import { freePort } from '../../local/free-port.ts';
import { runCli } from '../support/cli-process.ts';
import { forwardingEdits, forwardTo } from '../support/forwarding-project.ts';

const START_SECONDS = 60;
const folder = join(import.meta.dirname, '../../examples/python');

if (spawnSync('python3', ['-c', 'import fastmcp, uvicorn']).status !== 0) {
  console.log('Not run: python3 lacks the packages. Run python3 -m venv .venv && .venv/bin/pip install -r');
  console.log('examples/python/requirements.txt, then PATH="$PWD/.venv/bin:$PATH" npm run test:python');
  process.exit(process.env.CI === 'true' ? 1 : 0);
}

let failed = 0;

function check(name: string, seen: unknown, expected: unknown): void {
  const [got, wanted] = [seen, expected].map((value) => JSON.stringify(value));
  if (got === wanted) console.log(`ok      ${name}`);
  else {
    failed++;
    console.log(`FAILED  ${name}: ${got} instead of ${wanted}`);
  }
}

const port = await freePort();
const url = `http://127.0.0.1:${port}/mcp`;
const assembly = changed(await assemblyOfSources(forwardingEdits), (resources) => {
  forwardTo(url)(resources);
  // As the setting `machineClients: {}`.
  setVariables(resources, 'OAuth', { MACHINE_CLIENTS: '[]', MACHINE_TOKEN_MINUTES: '60' });
});
const emulator = await EmulatorProcess.run({ assembly });
const python = spawn('python3', ['-m', 'uvicorn', 'server:app', '--port', String(port), '--log-level', 'warning'], {
  cwd: folder,
  env: { ...process.env, HOLDFAST_ISSUER: `${emulator.origin}/upstream`, AUDIENCE: url },
  stdio: 'inherit',
});
try {
  await listening();
  check('a request without an assertion is rejected', (await post({})).status, 401);
  const { access_token } = await (await OAuthClient.register(emulator.origin)).tokensFor('ada');
  const authorization = { authorization: `Bearer ${access_token}` };
  check('an access token is no assertion', (await post(authorization)).status, 401);
  for (const mode of ['legacy', { pin: '2026-07-28' }] as const) await story(mode, authorization);
  await callAsMachines();
} finally {
  python.kill();
  await emulator.stop();
  rmSync(assembly, { recursive: true });
}
process.exitCode = failed === 0 ? 0 : 1;

async function story(mode: 'legacy' | { pin: string }, headers: Record<string, string>): Promise<void> {
  const era = mode === 'legacy' ? '2025 era' : mode.pin;
  const client = new Client(
    { name: 'python-test', version: '1' },
    { capabilities: { elicitation: { form: {} } }, versionNegotiation: { mode } },
  );
  const messages: string[] = [];
  client.setRequestHandler('elicitation/create', async ({ params }) => {
    messages.push(params.message);
    return { action: 'accept', content: { value: true } };
  });
  await client.connect(new StreamableHTTPClientTransport(new URL(emulator.mcpUrl), { requestInit: { headers } }));
  const call = async (name: string, given = {}, progress: unknown[] = []) => {
    const onprogress = ({ message }: { message?: string }) => void progress.push(message);
    const { content } = await client.callTool({ name, arguments: given }, { onprogress });
    return (content as { text: string }[])[0]?.text;
  };

  const { tools } = await client.listTools();
  const names = tools.map(({ name }) => name).sort();
  check(`${era}: tools`, names, ['cancel_order', 'count_orders', 'fail', 'whoami']);
  const claims = JSON.parse((await call('whoami')) ?? '{}');
  check(
    `${era}: the assertion names issuer and audience`,
    [claims.iss, claims.aud],
    [`${emulator.origin}/upstream`, url],
  );
  check(`${era}: the assertion names the scopes`, claims.scope, 'mcp');
  check(`${era}: the assertion lives for a minute`, claims.exp - claims.iat, 60);
  const progress: unknown[] = [];
  check(`${era}: a result`, await call('count_orders', {}, progress), '42');
  check(`${era}: progress`, progress, ['Warehouse 1', 'Warehouse 2', 'Warehouse 3']);
  check(`${era}: an error`, await call('fail'), "Error calling tool 'fail': There is no such order");
  check(`${era}: elicitation`, await call('cancel_order', { order: '7' }), 'Order 7 is cancelled');
  check(`${era}: the message of the elicitation`, messages, ['Cancel order 7?']);
  const { contents } = await client.readResource({ uri: 'order://7' });
  check(`${era}: a resource`, (contents[0] as { text?: string }).text, 'Order 7');
  const prompt = await client.getPrompt({ name: 'review', arguments: { order: '7' } });
  check(`${era}: a prompt`, (prompt.messages[0]!.content as { text?: string }).text, 'Review order 7');
  await client.close();
}

/** Calls a tool by the SDK of Python as a client with a secret, and as one with a key. */
async function callAsMachines(): Promise<void> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwks = join(emulator.folder, 'machine-jwks.json');
  writeFileSync(jwks, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }] }));
  const bySecret = await addMachine('by-secret');
  const byKey = { ...(await addMachine('by-key', '--jwks', jwks)), key: await exportPKCS8(privateKey) };
  const run = { url: emulator.mcpUrl, issuer: emulator.origin, machines: [bySecret, byKey] };
  const program = join(import.meta.dirname, 'machine_client.py');
  const { stdout } = await promisify(execFile)('python3', [program, JSON.stringify(run)]);
  const [secretLegacy, secretModern, keyLegacy, keyModern] = JSON.parse(stdout);
  check('2025 era: a machine client with a secret calls a tool', secretLegacy, bySecret.client_id);
  check('2026-07-28: a machine client with a secret calls a tool', secretModern, bySecret.client_id);
  check('2025 era: a machine client with a key calls a tool', keyLegacy, byKey.client_id);
  check('2026-07-28: a machine client with a key calls a tool', keyModern, byKey.client_id);
}

async function addMachine(name: string, ...options: string[]): Promise<{ client_id: string; client_secret?: string }> {
  const args = ['clients', 'add', name, '--scopes', 'mcp', ...options, '--local', '--json'];
  const { code, out, errors } = await runCli(args, { HOLDFAST_DATA: emulator.folder });
  if (code !== 0) throw new Error(`clients add ${name} ended with ${code}: ${errors}`);
  return JSON.parse(out);
}

function post(headers: Record<string, string>): Promise<Response> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  const accept = 'application/json, text/event-stream';
  return fetch(url, { method: 'POST', headers: { ...headers, accept, 'content-type': 'application/json' }, body });
}

/** Waits until the server accepts connections. */
async function listening(): Promise<void> {
  for (let attempt = 0; attempt < START_SECONDS * 2; attempt++) {
    if (python.exitCode !== null) throw new Error(`The server of Python ended with ${python.exitCode}`);
    const response = await fetch(url).catch(() => undefined);
    if (response) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`The server of Python does not listen after ${START_SECONDS} seconds`);
}
