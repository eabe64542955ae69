import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setVariables } from '../../bench/harness/assembly.ts';
import { type Certificate, newCertificate } from '../../bench/harness/certificate.ts';
import { TestCloud } from './test-cloud.ts';

/** An HTTPS server of client ID metadata documents on the loopback interface, which only tests may use. */
export class DocumentServer {
  readonly origin: string;
  /** The paths of the requests. */
  readonly requests: string[] = [];
  readonly #server: Server;
  readonly #answers = new Map<string, RequestListener>();

  private constructor(server: Server) {
    this.#server = server;
    this.origin = `https://localhost:${(server.address() as AddressInfo).port}`;
    server.on('request', (request, response) => {
      this.requests.push(request.url!);
      const answer = this.#answers.get(request.url!);
      if (answer) answer(request, response);
      else response.writeHead(404).end();
    });
  }

  static async start(certificate: Certificate): Promise<DocumentServer> {
    const server = createServer(certificate).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new DocumentServer(server);
  }

  /** @returns the URL of the document */
  serve(path: string, document: unknown, headers: Record<string, string> = {}): string {
    const all = { 'content-type': 'application/json', 'cache-control': 'max-age=3600', ...headers };
    return this.answer(path, (_, response) => response.writeHead(200, all).end(JSON.stringify(document)));
  }

  /** Serves the document of a client with its required members. @returns the client's id */
  serveClient(metadata: Record<string, unknown> = {}): string {
    const client_id = `${this.origin}/client.json`;
    const redirect_uris = ['http://127.0.0.1/callback'];
    return this.serve('/client.json', { client_id, client_name: 'By document', redirect_uris, ...metadata });
  }

  answer(path: string, listener: RequestListener): string {
    this.#answers.set(path, listener);
    return `${this.origin}${path}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Test clouds whose functions trust the document servers of the test. */
export class DocumentClouds {
  readonly #certificate: Certificate;
  readonly #folder = mkdtempSync(join(tmpdir(), 'holdfast-authority-'));
  readonly #running: { stop(): unknown }[] = [];

  private constructor(certificate: Certificate) {
    this.#certificate = certificate;
    writeFileSync(join(this.#folder, 'authority.pem'), certificate.cert);
  }

  static async create(): Promise<DocumentClouds> {
    return new DocumentClouds(await newCertificate());
  }

  /** @param variables to set in the environment of the OAuth function */
  async cloud(variables: Record<string, string>): Promise<TestCloud> {
    const cloud = await TestCloud.start({
      change: (resources) => setVariables(resources, 'OAuth', variables),
      extraAuthority: join(this.#folder, 'authority.pem'),
    });
    // Most documents of the tests are rejected or unreachable.
    cloud.expectFailures('client_document_failed');
    this.#running.push(cloud);
    return cloud;
  }

  /** A new host: documents of one host are fetched at most once a second. */
  async documents(): Promise<DocumentServer> {
    const server = await DocumentServer.start(this.#certificate);
    this.#running.push({ stop: () => server.close() });
    return server;
  }

  async end(): Promise<void> {
    await Promise.all(this.#running.map((each) => each.stop()));
    rmSync(this.#folder, { recursive: true });
  }
}

export const unsafely = { UNSAFELY_FETCH_CLIENT_DOCUMENTS_FROM_ANYWHERE: 'true' };
