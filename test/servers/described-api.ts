import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** An HTTP API, and its OpenAPI description. */
export type Api = { url: string; description: object; close(): Promise<void> };

const ITEM_OPERATIONS = 35;

/** As GitLab's API answers `GET /projects/:id/labels` to a user with a token. */
const labels = [{ id: 1, name: 'bug', color: '#f00', text_color: '#fff', description: null, description_html: null }];

/** An API that answers with the request that it received, or 404 where the path contains "missing". */
export async function startApi(): Promise<Api> {
  const server = createServer(async (request, response) => {
    const { method, url = '', headers } = request;
    response.statusCode = url.includes('missing') ? 404 : 200;
    if (url.startsWith('/api/v4/projects/1/labels') && headers.authorization === 'Bearer glpat-1') {
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify(labels));
      return;
    }
    response.end(JSON.stringify({ method, url, body: await text(request) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    description: describe(url),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function describe(url: string): object {
  const id = { name: 'id', schema: { type: 'string' } };
  const items = Array.from({ length: ITEM_OPERATIONS }, (_, index) => [
    `/items${index}/{id}`,
    {
      get: {
        operationId: `read_item_${index}`,
        summary: `Reads an item of kind ${index}`,
        parameters: [
          { ...id, in: 'path', required: true },
          { ...id, in: 'query' },
        ],
      },
    },
  ]);
  const tree = { $ref: '#/components/schemas/Tree' };
  return {
    openapi: '3.1.0',
    servers: [{ url }],
    paths: {
      ...Object.fromEntries(items),
      '/trees': {
        post: {
          operationId: 'write_tree',
          summary: 'Writes a tree',
          requestBody: { required: true, content: { 'application/json': { schema: tree } } },
        },
      },
    },
    components: {
      schemas: {
        Tree: {
          type: 'object',
          properties: { name: { type: 'string' }, children: { type: 'array', items: tree } },
          required: ['name', 'children'],
        },
      },
    },
  };
}
