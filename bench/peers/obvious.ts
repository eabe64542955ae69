import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { createMcpHandler } from '@modelcontextprotocol/server';
import { JwtVerifier } from 'aws-jwt-verify';
import { createServer } from '#server';
import type { ToolContext } from '../../lambda/core/mcp/tool-context.ts';
import { serve } from './gateway.ts';

/**
 * G, the straightforward implementation of the same task: the same tools on the stock handler, a verified token, and a
 * session that `initialize` writes and every later request reads and updates.
 *
 * The key set comes from the environment: G saves the fetch for which the first token of a real deployment would wait.
 */
const { PUBLIC_URL = '', TABLE_NAME, KEY_SET = '' } = process.env;
const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const verifier = JwtVerifier.create({
  issuer: PUBLIC_URL,
  audience: `${PUBLIC_URL}/mcp`,
  jwksUri: `${PUBLIC_URL}/jwks.json`,
});
verifier.cacheJwks(JSON.parse(KEY_SET));

type Extra = { user: string; session: Record<string, unknown> };

const mcp = createMcpHandler(({ authInfo }) => {
  if (!authInfo) throw new Error('The request has no authInfo');
  const { user, session } = authInfo.extra as Extra;
  const { clientId: client, scopes } = authInfo;
  const context = { user: { key: user }, client, scopes, session, longRunning: (run: unknown) => run };
  return createServer(context as unknown as ToolContext);
});

export const handler = serve(async (request) => {
  const token = request.headers.get('authorization')?.replace(/^Bearer /, '') ?? '';
  const claims = await verifier.verify(token);
  const user = String(claims.sub);
  const now = Math.floor(Date.now() / 1000);
  const given = request.headers.get('mcp-session-id');
  const id = given ?? randomUUID();
  const Key = { pk: `S#${user}`, sk: id };
  let session: Record<string, unknown> = { id, user, startedAt: now, ttl: now + 86_400 };
  if (given === null) {
    await table.send(new PutCommand({ TableName: TABLE_NAME, Item: { ...Key, ...session } }));
  } else {
    const { Item } = await table.send(new GetCommand({ TableName: TABLE_NAME, Key, ConsistentRead: true }));
    if (!Item) return new Response(null, { status: 404 });
    session = Item;
    await table.send(
      new UpdateCommand({
        TableName: TABLE_NAME,
        Key,
        UpdateExpression: 'SET lastSeenAt = :now, #ttl = :ttl',
        ExpressionAttributeNames: { '#ttl': 'ttl' },
        ExpressionAttributeValues: { ':now': now, ':ttl': now + 86_400 },
      }),
    );
  }
  const scopes = String(claims.scope).split(' ');
  const authInfo = { token, clientId: String(claims.client_id), scopes, extra: { user, session } };
  const response = await mcp.fetch(request, { authInfo });
  const headers = new Headers(response.headers);
  headers.set('Mcp-Session-Id', id);
  return new Response(response.body, { status: response.status, headers });
});
