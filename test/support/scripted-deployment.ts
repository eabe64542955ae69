import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type FactOptions, type Facts, gatherFacts } from '../../cli/doctor/deployment-facts.ts';
import type { Finding } from '../../cli/doctor/finding.ts';
import { createProbe } from '../../cli/doctor/http-probe.ts';

/** Warnings and failures, as `verdict check`. */
export const problems = (findings: Finding[]): string[] =>
  findings
    .filter(({ verdict }) => verdict === 'warn' || verdict === 'fail')
    .map(({ verdict, check }) => `${verdict} ${check}`);

export type Reply = {
  status: number;
  headers: Record<string, string>;
  body: string;
  staysOpen?: true;
  neverAnswers?: true;
};

type Document = Record<string, unknown>;

/** A server with the responses of a healthy deployment, which a test changes in one place. */
export class ScriptedDeployment {
  origin = '';
  /** By method and path; `POST /mcp with a token` is the reply with a token. */
  replies: Record<string, Reply> = {};
  /** Precede a reply of `replies`, each for one request. */
  first: Record<string, Reply[]> = {};
  /** Replaces the reply of `/authorize` for the registered client. */
  authorizeReply: Reply | undefined;
  /** The last body of each kind of request. */
  readonly bodies: Record<string, string> = {};
  /** The last headers of each kind of request. */
  readonly headers: Record<string, IncomingHttpHeaders> = {};
  #server: Server | undefined;

  async start(): Promise<void> {
    this.#server = createServer(async (request, response) => {
      const name = `${request.method} ${request.url!.split('?')[0]}`;
      this.bodies[name] = await text(request);
      this.headers[name] = request.headers;
      const isRegistered = request.method === 'GET' && request.url!.includes('client_id=dcr');
      const next = (kind: string) => this.first[kind]?.shift() ?? this.replies[kind];
      const withToken = request.headers.authorization === undefined ? undefined : next(`${name} with a token`);
      const reply = (isRegistered && this.authorizeReply) || withToken || next(name);
      const { status, headers, body, staysOpen, neverAnswers }: Reply = reply ?? { status: 404, headers: {}, body: '' };
      if (neverAnswers) return;
      response.writeHead(status, headers);
      if (staysOpen) response.write(body);
      else response.end(request.method === 'HEAD' ? undefined : body);
    });
    const server = this.#server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Restores the healthy deployment. */
  reset(): void {
    this.replies = healthy(this.origin);
    this.first = {};
    this.authorizeReply = undefined;
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  readonly url = (): string => `${this.origin}/mcp`;

  readonly facts = (options: FactOptions = { register: true }): Promise<Facts> =>
    gatherFacts(this.url(), createProbe(2000), options);

  readonly reply = (name: string): Reply => this.replies[name]!;

  /** Changes the JSON body of a reply. */
  readonly document = (name: string, change: (json: Document) => void): void => {
    const json = JSON.parse(this.reply(name).body);
    change(json);
    this.reply(name).body = JSON.stringify(json);
  };

  /** Returns a change of both authorization server documents. */
  readonly onMetadata = (change: (json: Document) => void) => (): void => {
    this.document(paths.oauth, change);
    this.document(paths.openid, change);
  };

  /** Sets or removes the challenge of `/mcp`. */
  readonly challenge = (value: string | undefined, method = 'POST'): void => {
    const { headers } = this.reply(`${method} /mcp`);
    if (value === undefined) delete headers['WWW-Authenticate'];
    else headers['WWW-Authenticate'] = value;
  };
}

/** The names of the replies with discovery documents. */
export const paths = {
  path: 'GET /.well-known/oauth-protected-resource/mcp',
  root: 'GET /.well-known/oauth-protected-resource',
  oauth: 'GET /.well-known/oauth-authorization-server',
  openid: 'GET /.well-known/openid-configuration',
};

function healthy(origin: string): Record<string, Reply> {
  const cors = { 'Access-Control-Allow-Origin': '*' };
  const json = (body: object, status = 200): Reply => ({
    status,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'public, max-age=3600', ...cors },
    body: JSON.stringify(body),
  });
  const unauthorized = (): Reply => ({
    status: 401,
    headers: {
      ...cors,
      'Access-Control-Expose-Headers': 'WWW-Authenticate',
      'WWW-Authenticate': `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp", scope="mcp"`,
    },
    body: '{}',
  });
  const preflight = (): Reply => ({
    status: 204,
    headers: {
      ...cors,
      'Access-Control-Allow-Methods': 'GET, POST, DELETE',
      'Access-Control-Allow-Headers': 'Authorization, Content-Type, Mcp-Session-Id, MCP-Protocol-Version, *',
    },
    body: '',
  });
  const resource = { resource: `${origin}/mcp`, authorization_servers: [origin] };
  const server = {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
    jwks_uri: `${origin}/jwks.json`,
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
    client_id_metadata_document_supported: true,
    authorization_response_iss_parameter_supported: true,
  };
  return {
    'POST /mcp': unauthorized(),
    'GET /mcp': unauthorized(),
    'HEAD /mcp': unauthorized(),
    'DELETE /mcp': unauthorized(),
    'OPTIONS /mcp': preflight(),
    'OPTIONS /token': preflight(),
    'OPTIONS /register': preflight(),
    'GET /.well-known/oauth-protected-resource/mcp': json(resource),
    'GET /.well-known/oauth-protected-resource': json(resource),
    'GET /.well-known/oauth-authorization-server': json(server),
    'GET /.well-known/openid-configuration': json(server),
    'GET /jwks.json': json({ keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }] }),
    'POST /register': json({ client_id: 'dcr_1' }, 201),
    'GET /authorize': {
      status: 400,
      headers: {
        'Content-Type': 'text/html',
        'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
        'X-Frame-Options': 'DENY',
        'Cache-Control': 'no-store',
      },
      body: '<h1>No</h1>',
    },
  };
}
