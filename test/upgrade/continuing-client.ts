import assert from 'node:assert/strict';
import {
  callTool,
  initialize,
  messageOf,
  OAuthClient,
  postMcp,
  type Tokens,
} from '../../bench/harness/raw-oauth-client.ts';

/** A client of the 2025 era with a session and a note, which it continues with whatever package the server runs. */
export class ContinuingClient {
  readonly session: string;
  /** The number of its tool calls. */
  calls = 0;
  readonly #client: OAuthClient;
  #tokens: Tokens;

  private constructor(client: OAuthClient, tokens: Tokens, session: string) {
    this.#client = client;
    this.#tokens = tokens;
    this.session = session;
  }

  static async create(origin: string): Promise<ContinuingClient> {
    const client = await OAuthClient.register(origin);
    const tokens = await client.tokensFor('ada');
    const response = await postMcp(origin, tokens.access_token, initialize);
    const created = new ContinuingClient(client, tokens, response.headers.get('mcp-session-id')!);
    assert.equal(await created.#call('write', { note: 'kept' }), 'written');
    return created;
  }

  /** @throws AssertionError unless session, state, grant and registration are as they were */
  async continues(): Promise<void> {
    assert.equal(await this.#call('read'), 'kept');
    const refreshed = await this.#client.refresh(this.#tokens.refresh_token);
    assert.equal(refreshed.status, 200, await refreshed.clone().text());
    this.#tokens = (await refreshed.json()) as Tokens;
    assert.equal(await this.#call('read'), 'kept');
    await this.#client.tokensFor('ada');
  }

  async #call(name: string, input: Record<string, unknown> = {}): Promise<string> {
    const { origin } = this.#client;
    const headers = { 'mcp-session-id': this.session };
    const response = await postMcp(origin, this.#tokens.access_token, callTool(name, input), headers);
    assert.equal(response.status, 200, await response.clone().text());
    // An unknown session would be renewed under another id.
    assert.equal(response.headers.get('mcp-session-id'), this.session);
    this.calls++;
    const { result, error } = (await messageOf(response)) as {
      result?: { content: [{ text: string }] };
      error?: unknown;
    };
    assert.equal(error, undefined);
    return result!.content[0].text;
  }
}
