import { randomUUID } from 'node:crypto';
import { assistants } from '../../bench/harness/mcp-clients.ts';
import { callTool, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { TestCloud } from '../support/test-cloud.ts';

jest.setTimeout(120_000);

const tools = [
  ...['count_up', 'forget_note', 'imported_session', 'long_task', 'note', 'notes', 'request_details', 'session'],
  ...['slow_task', 'userinfo', 'whoami'],
];

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start();
  // The tool reports a conflict of versions.
  cloud.expectFailures('tool_failed');
});
afterAll(() => cloud?.stop());

describe.each(assistants)('an assistant made with %s', (_name, connect) => {
  test('signs its user in and calls every tool', async () => {
    const assistant = await connect(cloud.mcpUrl, 'ada');
    const listed = await assistant.listTools();

    const whoami = JSON.parse((await assistant.call('whoami')).text);
    expect(whoami).toMatchObject({ client: { name: 'Assistant under test' }, scopes: ['mcp'] });
    expect(whoami.user.key).toMatch(/^[\w-]{43}$/);

    const session = JSON.parse((await assistant.call('session')).text);
    expect(Date.parse(session.expiresAt)).toBeGreaterThan(Date.parse(session.startedAt));
    // Clients of the 2025 era do not support tasks: they have a tool for unfinished results.
    expect(listed.sort()).toEqual([...tools, ...(session.era === 'legacy' ? ['task_result'] : [])].sort());
    if (session.era === 'legacy') expect(session.id).toBe(assistant.sessionId());
    else expect(assistant.sessionId()).toBeUndefined();

    const note = `${session.era}-${session.id.slice(0, 6)}`;
    const remembered = JSON.parse((await assistant.call('note', { name: note, text: 'buy milk', version: 0 })).text);
    expect(remembered).toMatchObject({ value: 'buy milk', version: 1 });
    expect(JSON.parse((await assistant.call('note', { name: note })).text)).toEqual(remembered);
    const conflict = await assistant.call('note', { name: note, text: 'buy bread', version: 0 });
    expect(conflict).toMatchObject({ isError: true, text: expect.stringContaining('no longer at version 0') });

    expect(JSON.parse((await assistant.call('notes')).text).names).toContain(note);

    const userinfo = JSON.parse((await assistant.call('userinfo')).text);
    expect(userinfo).toMatchObject({ sub: whoami.user.subject, email: expect.stringContaining('ada') });

    expect((await assistant.call('slow_task', { steps: 1 })).text).toContain('"done": true');
    await assistant.close();
  });

  test('receives progress before the result', async () => {
    const assistant = await connect(cloud.mcpUrl, 'ada');
    const seen: string[] = [];
    await assistant.call('slow_task', { steps: 3 }, (progress) => seen.push(`step ${progress}`));
    seen.push('result');
    expect(seen).toEqual(['step 1', 'step 2', 'step 3', 'result']);
    await assistant.close();
  });

  test('answers an elicitation, and the tool continues with the answer', async () => {
    const messages: string[] = [];
    const assistant = await connect(cloud.mcpUrl, 'ada', undefined, async (message) => {
      messages.push(message);
      return { forget: messages.length === 2 };
    });
    const name = `kept-${randomUUID()}`;
    await assistant.call('note', { name, text: 'buy milk' });
    expect(JSON.parse((await assistant.call('forget_note', { name })).text)).toEqual({ forgotten: false });
    expect(JSON.parse((await assistant.call('forget_note', { name })).text)).toEqual({ forgotten: true });
    expect(messages).toEqual([`Forget the note ${name}?`, `Forget the note ${name}?`]);
    expect((await assistant.call('note', { name })).isError).toBe(true);
    await assistant.close();
  });

  test('receives the result of a long-running tool', async () => {
    const assistant = await connect(cloud.mcpUrl, 'ada');
    const { text, isError } = await assistant.call('long_task', { milliseconds: 200 });
    expect({ isError, ...JSON.parse(text) }).toEqual({ isError: false, milliseconds: 200, done: true });
    await assistant.close();
  });

  test('continues in the same session after a restart', async () => {
    const assistant = await connect(cloud.mcpUrl, 'ada');
    const before = JSON.parse((await assistant.call('session')).text);
    await cloud.restart();
    const after = JSON.parse((await assistant.call('session')).text);
    expect(after.id).toBe(before.id);
    expect(after.startedAt).toBe(before.startedAt);
    await assistant.close();
  });

  test('does not see the data of another user', async () => {
    const [ada, alan] = await Promise.all([connect(cloud.mcpUrl, 'ada'), connect(cloud.mcpUrl, 'alan')]);
    await Promise.all([
      ada.call('note', { name: 'secret', text: 'of ada' }),
      alan.call('note', { name: 'secret', text: 'of alan' }),
    ]);
    const [ofAda, ofAlan] = await Promise.all([
      ada.call('note', { name: 'secret' }),
      alan.call('note', { name: 'secret' }),
    ]);
    expect([JSON.parse(ofAda.text).value, JSON.parse(ofAlan.text).value]).toEqual(['of ada', 'of alan']);
    const keys = await Promise.all([ada.call('whoami'), alan.call('whoami')]);
    expect(JSON.parse(keys[0].text).user.key).not.toBe(JSON.parse(keys[1].text).user.key);
    await Promise.all([ada.close(), alan.close()]);
  });

  test('is rejected at its next request after its grant was revoked', async () => {
    const assistant = await connect(cloud.mcpUrl, 'ada');
    await assistant.call('whoami');
    const { access_token, refresh_token } = assistant.memory.tokens()!;
    const { client_id } = assistant.memory.clientInformation()!;
    const body = new URLSearchParams({ client_id, token: refresh_token! });
    expect((await fetch(`${cloud.origin}/revoke`, { method: 'POST', body })).status).toBe(200);
    jest.spyOn(console, 'warn').mockImplementation(); // the clients report that they discard their tokens
    await expect(assistant.call('whoami')).rejects.toThrow(/unauthori[sz]ed/i);
    expect((await postMcp(cloud.origin, access_token, callTool('whoami'))).status).toBe(401);
    await assistant.close();
  });
});
