import { type Assistant, assistants, SignInMemory } from '../../bench/harness/mcp-clients.ts';
import { TestCloud } from '../support/test-cloud.ts';

/**
 * Clients of both SDKs that registered themselves and come back: after the longest lifetime of a grant, after a loss of the
 * table, and with a user who approves a day later. They recover by the SDKs' own code, with one sign-in at most.
 */

jest.setTimeout(180_000);

let cloud: TestCloud;
/** How far the clock of the emulator is ahead, in milliseconds. */
let ahead = 0;
beforeAll(async () => {
  cloud = await TestCloud.start();
});
afterAll(() => cloud?.stop());

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const pass = async (milliseconds: number) => {
  ahead += milliseconds;
  await cloud.restartAhead(ahead);
};

/** Counts what the SDK asks of its host: registrations to keep, and browsers to open. */
class CountingMemory extends SignInMemory {
  readonly registrations: string[] = [];
  readonly authorizations: URL[] = [];

  constructor() {
    super();
    const { saveClientInformation, redirectToAuthorization } = this;
    this.saveClientInformation = (client) => {
      this.registrations.push(client.client_id);
      saveClientInformation(client);
    };
    this.redirectToAuthorization = (url) => {
      this.authorizations.push(url);
      redirectToAuthorization(url);
    };
  }

  counts() {
    return { registrations: this.registrations.length, authorizations: this.authorizations.length };
  }
}

const users = ['ada', 'alan', 'grace'];
/** The name of a client on the consent page is part of its registration: each has its own. */
const clients = assistants.map(([name, connect], index) => {
  const memory = new CountingMemory();
  memory.clientMetadata.client_name = name;
  return { name, memory, connect: () => connect(cloud.mcpUrl, users[index]!, memory) };
});

const workThenClose = async (assistant: Assistant) => {
  const { isError } = await assistant.call('whoami');
  await assistant.close();
  return isError;
};

/** Every client connects anew and calls a tool. @returns what each has asked of its host so far */
async function connectAll() {
  const work = clients.map(async ({ name, memory, connect }) => {
    const isError = await workThenClose(await connect());
    return [name, { isError, ...memory.counts() }] as const;
  });
  return Object.fromEntries(await Promise.all(work));
}

const each = (registrations: number, authorizations: number) =>
  Object.fromEntries(clients.map(({ name }) => [name, { isError: false, registrations, authorizations }]));

test('a client refreshes for ninety days, and signs in again with its registration when its grant has ended', async () => {
  expect(await connectAll()).toEqual(each(1, 1));
  for (const days of [28, 28, 28, 5]) {
    await pass(days * DAY);
    expect(await connectAll()).toEqual(each(1, 1));
  }
  await pass(DAY + HOUR);
  expect(await connectAll()).toEqual(each(1, 2));
});

test('a client whose registration was lost with the table registers again and reaches the consent page once', async () => {
  await connectAll();
  const { registrations, authorizations } = clients[0]!.memory.counts();
  for (const item of await cloud.items()) await cloud.remove(item);
  await cloud.recycle();
  expect(await connectAll()).toEqual(each(registrations + 1, authorizations + 1));
  expect(await connectAll()).toEqual(each(registrations + 1, authorizations + 1));
});

test.each(assistants)(
  'a client made with %s completes a sign-in that its user approves 25 hours after it registered',
  async (name, connect) => {
    class LateApproval extends CountingMemory {
      override async approve(user: string): Promise<URL> {
        await pass(25 * HOUR);
        return super.approve(user);
      }
    }
    const memory = new LateApproval();
    memory.clientMetadata.client_name = `Approved late, ${name}`;
    expect(await workThenClose(await connect(cloud.mcpUrl, 'ada', memory))).toBe(false);
    expect(memory.counts()).toEqual({ registrations: 1, authorizations: 1 });
  },
);
