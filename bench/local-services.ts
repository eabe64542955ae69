import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { type AddressInfo, connect, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Grant } from '../lambda/core/access/grant.ts';
import { startDynamoDb } from '../local/dynamodb/dynamodb-service.ts';
import { FunctionPrincipals, operatorPrincipal } from '../local/iam/principals.ts';
import { readAssembly } from '../local/template/cloud-assembly.ts';
import { stackTemplate } from '../local/template/stack-template.ts';
import type { Template } from '../local/template/template.ts';
import type { Caller } from './gateway-events.ts';
import { type Certificate, newCertificate } from './harness/certificate.ts';

/**
 * The services that the functions call, on this machine and over TLS: the table, the edge with the cached key set, and a KMS
 * endpoint that knows the signing key and counts its requests.
 */
export type LocalServices = {
  template: Template;
  tableName: string;
  publicUrl: string;
  caller: Caller;
  /** The caller's access token, as the facade issues it. */
  token: string;
  /** The issuer's key set, as JSON. */
  keySet: string;
  /** The id of its key. */
  keyId: string;
  /** The environment variables besides those of the template. */
  environment: Record<string, string>;
  /** DynamoDB requests by operation since the last call. */
  count(): Record<string, number>;
  /** KMS requests since the last call. */
  keyServiceRequests(): number;
  close(): Promise<void>;
};

const publicUrl = 'https://mcp.example.com';
const CLIENT = 'https://client.example/metadata.json';

/** @param assembly the folder that `cdk synth` wrote */
export async function startLocalServices(assembly: string): Promise<LocalServices> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  const certificate = await newCertificate();
  const authority = join(folder, 'authority.pem');
  writeFileSync(authority, certificate.cert);

  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  const keyId = await calculateJwkThumbprint(jwk);
  const keySet = JSON.stringify({ keys: [{ ...jwk, kid: keyId, alg: 'ES256', use: 'sig' }] });
  let keyServiceRequests = 0;
  const keyService = createServer(certificate, (_request, response) => {
    keyServiceRequests++;
    response.writeHead(500).end();
  });
  const keyServiceUrl = await listen(keyService);

  const template = templateOf(assembly, publicUrl, keySet);

  const principals = new FunctionPrincipals();
  const accessKeyId = `ASIA${randomBytes(16).toString('hex').toUpperCase()}`;
  principals.add(accessKeyId, operatorPrincipal);
  const dynamoDb = await startDynamoDb({ folder: undefined, principals });
  const [table] = template.resources('AWS::DynamoDB::GlobalTable');
  const tableName = String(template.resolve({ Ref: table!.logicalId }));
  await dynamoDb.createTable(table!.properties, tableName);
  const front = tlsFront(certificate, Number(new URL(dynamoDb.endpoint).port));
  const storeUrl = await listen(front);

  const expiresAt = Math.floor(Date.now() / 1000) + 24 * 3600;
  const caller = { user: 'bench-user', grant: 'bench-grant', client: CLIENT, scope: 'mcp', expiresAt };
  await putGrant(dynamoDb.endpoint, accessKeyId, tableName, caller);
  const { user, grant, client: client_id, scope } = caller;
  const token = await new SignJWT({ client_id, scope, grant })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: keyId })
    .setIssuer(publicUrl)
    .setAudience(`${publicUrl}/mcp`)
    .setSubject(user)
    .setJti('bench')
    .setIssuedAt()
    .setExpirationTime(expiresAt)
    .sign(privateKey);

  const servers = [keyService, front];
  return {
    template,
    tableName,
    publicUrl,
    caller,
    token,
    keySet,
    keyId,
    environment: {
      NODE_EXTRA_CA_CERTS: authority,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: 'unused',
      AWS_SESSION_TOKEN: 'local',
      AWS_ENDPOINT_URL_DYNAMODB: storeUrl,
      AWS_ENDPOINT_URL_KMS: keyServiceUrl,
      AWS_LAMBDA_FUNCTION_NAME: 'bench',
      TZ: ':UTC',
      TMPDIR: folder,
    },
    count: () => dynamoDb.count(),
    keyServiceRequests() {
      const requests = keyServiceRequests;
      keyServiceRequests = 0;
      return requests;
    },
    async close() {
      for (const server of servers) server.close();
      await dynamoDb.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The template of an assembly, resolved with local addresses and the key set of access tokens. */
export function templateOf(assembly: string, publicUrl: string, keySet: string): Template {
  const origins = { gateway: publicUrl, identityProvider: 'http://localhost:1' };
  const template = stackTemplate(readAssembly(assembly), origins, (logicalId) => ({
    keyId: logicalId,
    arn: `arn:aws:kms:us-east-1:000000000000:key/${logicalId}`,
  }));
  for (const { logicalId } of template.declarations('Custom::PublicKeys'))
    template.provide(logicalId, { KeySet: keySet });
  return template;
}

/** Terminates TLS in front of an HTTP server. */
function tlsFront(certificate: Certificate, port: number): Server {
  return createTlsServer(certificate, (socket) => {
    const upstream = connect({ host: '127.0.0.1', port, noDelay: true });
    socket.setNoDelay(true);
    socket.pipe(upstream).pipe(socket);
    socket.on('error', () => upstream.destroy());
    upstream.on('error', () => socket.destroy());
  });
}

/** @returns the origin of the server */
function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      resolve(`https://localhost:${(server.address() as AddressInfo).port}`);
    });
  });
}

/** Stores the grant of the caller. */
async function putGrant(endpoint: string, accessKeyId: string, TableName: string, caller: Caller): Promise<void> {
  const credentials = { accessKeyId, secretAccessKey: 'unused' };
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint, credentials, region: 'us-east-1' }));
  const grant: Grant = {
    id: caller.grant,
    status: 'active',
    user: caller.user,
    issuer: 'https://idp.example',
    subject: 'bench',
    client: caller.client,
    clientName: 'Bench',
    scopes: ['mcp'],
    groups: [],
    createdAt: Math.floor(Date.now() / 1000),
    absoluteExpiresAt: caller.expiresAt,
    idleExpiresAt: caller.expiresAt,
    refresh: { head: 0, predecessor: 0, superseded: {} },
  };
  await client.send(new PutCommand({ TableName, Item: { pk: `G#${grant.id}`, sk: '-', type: 'grant', ...grant } }));
  client.destroy();
}
