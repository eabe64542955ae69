import { log, logSession, withInvocation } from '../../lambda/adapters/logging/structured-log.ts';

/** What a line has beside what is logged. That counted events are metrics, `test/lib/operations.test.ts` shows. */

let lines: Record<string, unknown>[];
beforeEach(() => {
  lines = [];
  jest.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(JSON.parse(String(line))) > 0);
});
afterEach(() => jest.restoreAllMocks());

test('a line is of its request, and of its session once that is known', async () => {
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

test('requests that are under way together do not take each other’s lines', async () => {
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

test('a line may be of no request', () => {
  log('mcp_request_rejected');
  expect(lines).toEqual([{ event: 'mcp_request_rejected' }]);
});
