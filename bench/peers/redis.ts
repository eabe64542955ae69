import { randomUUID } from 'node:crypto';
import { createClient } from '@redis/client';
import { serve } from './gateway.ts';
import { mcp } from './stock.ts';

/**
 * The design that this project grew out of: a session is a hash in Redis, and a request reads it, writes when it was last
 * seen and moves its end. REDIS_AWAITS=3 waits for each of the three; otherwise the last two go together.
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
