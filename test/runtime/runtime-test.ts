/**
 * Runs the built functions with AWS's runtime client, which calls the handlers on Lambda, behind the local gateway. Proves
 * that the real runtime accepts the functions, above all that their streams start with a prelude. The local execution
 * environments imitate that client.
 *
 * `npm run test:runtime`. The client is installed into a temporary folder, where a part of it is compiled. That needs
 * Linux, cmake, make, a C++ compiler and xz, and is therefore not part of `npm test`. Without them this program fails.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assemblyOfSources } from '../../bench/harness/assembly.ts';
import {
  callTool,
  initialize,
  messageOf,
  OAuthClient,
  postMcp,
  register,
} from '../../bench/harness/raw-oauth-client.ts';
import { startGatewayServer } from '../../local/api-gateway/gateway-server.ts';
import { startOidcProvider } from '../../local/cognito/oidc-provider.ts';
import { userPoolOf } from '../../local/cognito/user-pool-definition.ts';
import { CustomResources, customResourceFunctions } from '../../local/custom-resources.ts';
import { startDynamoDb } from '../../local/dynamodb/dynamodb-service.ts';
import { freePort } from '../../local/free-port.ts';
import { FunctionPrincipals } from '../../local/iam/principals.ts';
import { roleStatements } from '../../local/iam/role-statements.ts';
import { startKms } from '../../local/kms/kms-service.ts';
import { assetOf } from '../../local/lambda/function-asset.ts';
import { readAssembly } from '../../local/template/cloud-assembly.ts';
import { deploymentIn, stackTemplate } from '../../local/template/stack-template.ts';
import { RealFunction, RealFunctions } from './runtime-functions.ts';

const RUNTIME_CLIENT = 'aws-lambda-ric@4.0.2';

/** The separator of the prelude and the body of a stream (API Gateway developer guide, "response streaming"). */
const PRELUDE_END = Buffer.alloc(8);

const folder = mkdtempSync(join(tmpdir(), 'holdfast-runtime-'));

let [passed, failed] = [0, 0];

async function check(what: string, proof: () => void | Promise<void>): Promise<void> {
  try {
    await proof();
    passed++;
    console.log(`passed  ${what}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${what}\n${(error as Error).stack}`);
  }
}

/**
 * @returns the program that runs a function
 * @throws Error with the output of npm if the client cannot be built
 */
function installRuntimeClient(): string {
  const needs = `${RUNTIME_CLIENT} needs Linux, cmake, make, a C++ compiler and xz.`;
  if (process.platform !== 'linux') throw new Error(`${needs} This is ${process.platform}.`);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ allowScripts: { 'aws-lambda-ric': true } }));
  const options = ['--prefix', folder, '--no-save', '--no-audit', '--no-fund', '--foreground-scripts'];
  const npm = spawnSync('npm', ['install', ...options, RUNTIME_CLIENT], { cwd: folder, encoding: 'utf8' });
  const installed = join(folder, 'node_modules/aws-lambda-ric');
  if (existsSync(join(installed, 'rapid-client.node'))) return join(installed, 'index.mjs');
  const printed = `${npm.error ?? ''}${npm.stdout ?? ''}${npm.stderr ?? ''}`;
  throw new Error(`${needs} The installation failed:\n${printed.slice(-3000)}`);
}

const cleanups: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
try {
  await runChecks();
} catch (error) {
  failed++;
  console.error((error as Error).stack);
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** The local emulator with the runtime client in place of its execution environments. */
async function startRuntime(): Promise<{ origin: string; functions: RealFunctions }> {
  console.log(`Building ${RUNTIME_CLIENT}, which takes about a minute …`);
  const client = installRuntimeClient();
  const assembly = join(folder, 'cdk.out');
  cpSync(await assemblyOfSources(), assembly, { recursive: true });
  const stack = readAssembly(assembly);

  const principals = new FunctionPrincipals();
  const dynamoDb = await startDynamoDb({ folder: undefined, principals });
  const kms = await startKms({ folder: undefined, principals });
  cleanups.push(dynamoDb.close, kms.close);
  const [port, poolPort] = [await freePort(), await freePort()];
  const origins = { gateway: `http://127.0.0.1:${port}`, identityProvider: `http://localhost:${poolPort}` };
  const template = stackTemplate(stack, origins, kms.createKey);
  for (const { logicalId, properties } of template.resources('AWS::DynamoDB::GlobalTable')) {
    await dynamoDb.createTable(properties, String(template.resolve({ Ref: logicalId })));
  }
  const startFunction = async (logicalId: string): Promise<RealFunction> => {
    const resource = template.resource(logicalId);
    const { properties, raw } = resource;
    const { Variables } = (properties.Environment ?? {}) as { Variables?: Record<string, string> };
    const accessKeyId = `ASIA${randomBytes(16).toString('hex').toUpperCase()}`;
    const statements = roleStatements(template, template.logicalIdOf(raw.Role));
    principals.add(accessKeyId, { functionName: logicalId, statements });
    const real = new RealFunction();
    cleanups.push(() => real.stop());
    await real.start(client, {
      ...Variables,
      _HANDLER: String(properties.Handler),
      LAMBDA_TASK_ROOT: assetOf(resource, assembly),
      AWS_LAMBDA_FUNCTION_NAME: logicalId,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(properties.MemorySize),
      AWS_LAMBDA_LOG_GROUP_NAME: logicalId,
      AWS_LAMBDA_LOG_STREAM_NAME: logicalId,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: randomBytes(20).toString('hex'),
      AWS_SESSION_TOKEN: 'local',
      AWS_ENDPOINT_URL_DYNAMODB: dynamoDb.endpoint,
      AWS_ENDPOINT_URL_KMS: kms.endpoint,
      TMPDIR: mkdtempSync(join(folder, 'environment-')),
    });
    return real;
  };
  await new CustomResources().provide(template, async (logicalId, event) => {
    for await (const _ of (await startFunction(logicalId)).invoke(JSON.stringify(event)));
  });
  const pool = userPoolOf(template, deploymentIn({ stack, template }).marker.issuer)!;
  const identityProvider = await startOidcProvider({ folder: undefined, port: poolPort, ...pool });
  cleanups.push(identityProvider.close);

  const functions = new RealFunctions({ template, assembly, environment: () => ({}), log: () => undefined });
  const ofCustomResources = customResourceFunctions(template);
  for (const { logicalId } of template.declarations('AWS::Lambda::Function')) {
    if (!ofCustomResources.includes(logicalId)) functions.add(logicalId, await startFunction(logicalId));
  }
  const gateway = await startGatewayServer({
    template,
    functions,
    port,
    log: ({ status, error }) => status >= 500 && console.log(error),
  });
  cleanups.push(gateway.close);
  return { origin: gateway.origin, functions };
}

async function runChecks(): Promise<void> {
  const { origin, functions } = await startRuntime();
  const lastOf = (construct: string) => functions.of(construct).sent.at(-1)!;

  /** The newest stream of the MCP function, parsed. */
  function stream(): { statusCode: number; headers: Record<string, string>; body: string } {
    const { request, chunks } = lastOf('Mcp');
    assert.equal(request.headers['lambda-runtime-function-response-mode'], 'streaming');
    assert.equal(request.headers['content-type'], 'application/vnd.awslambda.http-integration-response');
    assert.equal(request.headers['transfer-encoding'], 'chunked');
    const bytes = Buffer.concat(chunks);
    const end = bytes.indexOf(PRELUDE_END);
    assert.notEqual(end, -1, 'the stream has no prelude');
    return { ...JSON.parse(bytes.subarray(0, end).toString()), body: bytes.subarray(end + 8).toString() };
  }

  await check('the OAuth function answers metadata, buffered', async () => {
    const answer = await fetch(`${origin}/.well-known/oauth-authorization-server`);
    assert.equal(((await answer.json()) as { issuer: string }).issuer, origin);
    assert.equal(lastOf('OAuth').request.headers['lambda-runtime-function-response-mode'], undefined);
  });
  await check('a client registers', async () => {
    const answer = await register(origin, { redirect_uris: ['http://127.0.0.1/callback'] });
    assert.equal(answer.status, 201);
  });
  await check('the authorizer rejects a forged token with 401 and the challenge', async () => {
    const answer = await postMcp(origin, 'forged', initialize);
    assert.equal(answer.status, 401);
    assert.match(answer.headers.get('www-authenticate')!, /resource_metadata=/);
  });

  let token = '';
  await check('a user signs in, and the client redeems the code', async () => {
    token = (await (await OAuthClient.register(origin)).tokensFor('ada')).access_token;
  });
  let session: Record<string, string> = {};
  await check('the authorizer accepts the token; initialize streams a prelude, eight NULs and a body', async () => {
    const answer = await postMcp(origin, token, initialize);
    assert.equal(answer.status, 200);
    assert.ok((await messageOf(answer)).result);
    session = { 'mcp-session-id': answer.headers.get('mcp-session-id')! };
    const { statusCode, headers, body } = stream();
    assert.equal(statusCode, 200);
    assert.equal(headers['mcp-session-id'], session['mcp-session-id']);
    assert.match(body, /protocolVersion/);
    assert.match(JSON.stringify(JSON.parse(String(lastOf('Authorizer').chunks))), /execute-api:Invoke/);
  });
  await check('the progress of a tool arrives before its result', async () => {
    const call = callTool('slow_task', { steps: 2 });
    const body = { ...call, params: { ...call.params, _meta: { progressToken: 'p' } } };
    const answer = await postMcp(origin, token, body, session);
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    let read = '';
    while (!read.includes('"progress":1')) {
      const { done, value } = await reader.read();
      assert.ok(!done, `it ended without progress: ${read}`);
      read += value;
    }
    assert.equal(lastOf('Mcp').ended, false);
    assert.doesNotMatch(read, /"result"/);
    for (let next = await reader.read(); !next.done; next = await reader.read()) read += next.value;
    assert.match(read, /"progress":2.*"result"/s);
    assert.equal(stream().body, read);
  });
  await check('a 202 without a body has a prelude', async () => {
    const answer = await postMcp(origin, token, { jsonrpc: '2.0', method: 'notifications/initialized' }, session);
    assert.deepEqual([answer.status, await answer.text()], [202, '']);
    const { statusCode, body } = stream();
    assert.deepEqual([statusCode, body], [202, '']);
  });
  const bearer = { ...session, authorization: `Bearer ${token}` };
  await check('a 405 is streamed', async () => {
    const answer = await fetch(`${origin}/mcp`, { headers: bearer });
    assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'POST, DELETE']);
    assert.equal(stream().statusCode, 405);
  });
  await check('the deletion of a session is streamed without a body', async () => {
    const answer = await fetch(`${origin}/mcp`, { method: 'DELETE', headers: bearer });
    assert.deepEqual([answer.status, stream().body], [200, '']);
  });
}
