import { Hono } from 'hono';
import { streamHandle } from 'hono/aws-lambda';
import { fetch } from './sdk-v1.mjs';

const app = new Hono();
app.post('/mcp', (context) => fetch(context.req.raw));

export const handler = streamHandle(app);
