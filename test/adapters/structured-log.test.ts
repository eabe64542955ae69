import { log, logSession, withInvocation } from '../../lambda/adapters/logging/structured-log.ts';

/** Common members of log lines. `test/lib/operations.test.ts` tests the metrics of counted events. */

let lines: Record<string, unknown>[];
beforeEach(() => {
  lines = [];
  jest.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(JSON.parse(String(line))) > 0);
});
afterEach(() => jest.restoreAllMocks());

test('a line contains the request id, and the session id once it is set', async () => {
  await withInvocation('request-1', async () => {
    log('mcp_request_rejected', { message: 'before' });
    logSession('session-1');
    log('mcp_request_rejected', { message: 'after' });
  });
  expect(lines).toEqual([
    { event: 'mcp_request_rejected', requestId: 'request-1', message: 'before' },
    { event: 'mcp_request_rejected', requestId: 'request-1', session: 'session-1', message: 'after' },
  ]);
});

test('lines of concurrent requests contain the id of their request', async () => {
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const one = withInvocation('request-1', async () => {
    logSession('session-1');
    await first.promise;
    log('mcp_request_rejected');
    second.resolve();
  });
  const two = withInvocation('request-2', async () => {
    logSession(null);
    first.resolve();
    await second.promise;
    log('mcp_request_rejected');
  });
  await Promise.all([one, two]);
  expect(lines).toEqual([
    { event: 'mcp_request_rejected', requestId: 'request-1', session: 'session-1' },
    { event: 'mcp_request_rejected', requestId: 'request-2' },
  ]);
});

test('a line outside an invocation contains no request id', () => {
  log('mcp_request_rejected');
  expect(lines).toEqual([{ event: 'mcp_request_rejected' }]);
});
