import { memoryStores } from '../../../lambda/adapters/memory/memory-stores.ts';
import { signedInCaller } from '../../../lambda/adapters/memory/signed-in-caller.ts';
import { createToolContext } from '../../../lambda/core/mcp/tool-context.ts';
import { ToolSecrets } from '../../../lambda/core/mcp/tool-secrets.ts';
import { Sessions } from '../../../lambda/core/sessions/sessions.ts';
import { epochSeconds } from '../../../lambda/core/support/clock.ts';
import { ServiceUnavailableError } from '../../../lambda/core/support/service-unavailable-error.ts';
import { secretArns } from '../../../lambda/shared/environment.ts';
import { fakeClock } from '../../support/fake-clock.ts';

/** `context.secret`, as a tool calls it. */

const MINUTE = 60_000;

async function toolWithSecrets() {
  const clock = fakeClock();
  const stores = memoryStores();
  const now = () => epochSeconds(clock);
  const events: Record<string, unknown>[] = [];
  const log = (event: string, details = {}) => void events.push({ event, ...details });
  const caller = await signedInCaller(stores.grants, 'ada', now());
  const access = await new Sessions(stores.sessions, { ttlSeconds: 86_400, stale: 'renew' }, now).current(caller);
  if (typeof access === 'string') throw new Error(access);
  const reads: string[] = [];
  const manager = {
    read: async (arn: string): Promise<string> => `value ${reads.push(arn)}`,
  };
  const secrets = new ToolSecrets({
    arns: secretArns({ SECRET_ARN_STRIPE_KEY: 'arn:stripe', SECRET_ARN_OTHER: 'arn:other', TABLE_NAME: 't' }),
    read: (arn) => manager.read(arn),
    clock,
    log,
  });
  let outages = 0;
  const newContext = () =>
    createToolContext(
      { state: stores.state, upstream: undefined, secrets, clock, log },
      caller,
      access,
      undefined,
      () => {
        outages++;
      },
    );
  return { clock, manager, reads, events, newContext, outages: () => outages };
}

test('a secret is read once in a process, also when calls ask for it at the same time', async () => {
  const { newContext, reads } = await toolWithSecrets();
  const values = await Promise.all([newContext().secret('STRIPE_KEY'), newContext().secret('STRIPE_KEY')]);
  expect([...values, await newContext().secret('STRIPE_KEY')]).toEqual(['value 1', 'value 1', 'value 1']);
  expect(await newContext().secret('OTHER')).toBe('value 2');
  expect(reads).toEqual(['arn:stripe', 'arn:other']);
});

test('a rotated secret arrives after five minutes', async () => {
  const { clock, newContext } = await toolWithSecrets();
  await newContext().secret('STRIPE_KEY');
  clock.skip(5 * MINUTE - 1);
  expect(await newContext().secret('STRIPE_KEY')).toBe('value 1');
  clock.skip(1);
  expect(await newContext().secret('STRIPE_KEY')).toBe('value 2');
});

test('a failed refresh keeps the previous value, is logged, and is repeated after 30 seconds', async () => {
  const { clock, manager, newContext, events, outages } = await toolWithSecrets();
  const { read } = manager;
  await newContext().secret('STRIPE_KEY');
  clock.skip(5 * MINUTE);
  manager.read = async () => {
    throw new ServiceUnavailableError('Secrets Manager', new Error('no route'));
  };
  expect(await newContext().secret('STRIPE_KEY')).toBe('value 1');
  expect(events).toEqual([{ event: 'secret_refresh_failed', secret: 'STRIPE_KEY', cause: 'Error: no route' }]);
  manager.read = read;
  clock.skip(29_999);
  expect(await newContext().secret('STRIPE_KEY')).toBe('value 1');
  clock.skip(1);
  expect(await newContext().secret('STRIPE_KEY')).toBe('value 2');
  expect(outages()).toBe(0);
});

test('an unknown secret is rejected with its name and the setting', async () => {
  const { newContext, events } = await toolWithSecrets();
  await expect(newContext().secret('STRIPE')).rejects.toThrow(
    'Unknown secret "STRIPE"; add it to the setting `secrets` of the stack',
  );
  expect(events).toEqual([]);
});

test('an outage of Secrets Manager before the first read is reported as an outage of a service', async () => {
  const { manager, newContext, events, outages } = await toolWithSecrets();
  const { read } = manager;
  manager.read = async () => {
    throw new ServiceUnavailableError('Secrets Manager', new Error('no route'));
  };
  await expect(newContext().secret('STRIPE_KEY')).rejects.toThrow('call the tool again shortly');
  expect(events).toEqual([
    { event: 'service_unavailable', message: 'Secrets Manager did not answer', cause: 'Error: no route' },
  ]);
  expect(outages()).toBe(1);
  manager.read = read;
  expect(await newContext().secret('STRIPE_KEY')).toBe('value 1');
});

test('a missing permission is logged, and its message does not reach the model', async () => {
  const { manager, newContext, events } = await toolWithSecrets();
  manager.read = async () => {
    throw new Error('role/Mcp is not authorized for arn:stripe');
  };
  await expect(newContext().secret('STRIPE_KEY')).rejects.toThrow('Internal server error');
  expect(events).toEqual([{ event: 'unexpected_error', error: expect.stringContaining('not authorized') }]);
});
