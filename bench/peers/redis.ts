import { randomUUID } from 'node:crypto';
import { createClient } from '@redis/client';
import { serve } from './gateway.ts';
import { mcp } from './stock.ts';

/**
 * Sessions as hashes in Redis: each request reads the session, writes its last use and extends its expiry.
 * REDIS_AWAITS=3 awaits each of the three commands; otherwise the last two are sent together.
 */
const client = createClient({ url: process.env.REDIS_URL });
const connected = client.connect();
const isEachAwaited = process.env.REDIS_AWAITS === '3';

export const handler = serve(async (request) => {
  await connected;
  const given = request.headers.get('mcp-session-id');
  const key = `session:${given ?? randomUUID()}`;
  if (given !== null && Object.keys(await client.hGetAll(key)).length === 0) return new Response(null, { status: 404 });
  const write = () => client.hSet(key, { lastSeenAt: Date.now(), user: 'bench-user' });
  const move = () => client.expire(key, 86_400);
  if (isEachAwaited) {
    await write();
    await move();
  } else await Promise.all([write(), move()]);
  const response = await mcp.fetch(request);
  const headers = new Headers(response.headers);
  headers.set('Mcp-Session-Id', key.slice('session:'.length));
  return new Response(response.body, { status: response.status, headers });
});
