import { figuresOf } from '../../bench/regions/region-figures.ts';
import { scenarios, shapes } from '../../bench/regions/region-scenarios.ts';
import { ReplicatedTable } from '../../bench/regions/replicated-table.ts';

jest.setTimeout(60_000);

/** A table whose writes arrive in the other region after a second, and the passing of that second. */
async function replicatedTable() {
  let now = 0;
  const table = await ReplicatedTable.open({ now: () => now, arrivalFrom: () => now + 1000 });
  const of = (region: 'east' | 'west') => {
    const { client, name: TableName } = table.connection(region);
    const Key = { pk: 'G#1', sk: '-' };
    return {
      put: (item: object) => client.put({ TableName, Item: { ...Key, ...item } }),
      remove: () => client.delete({ TableName, Key }),
      item: async () => (await client.get({ TableName, Key })).Item,
      add: (name: string) =>
        client.transactWrite({
          TransactItems: [
            {
              Update: {
                TableName,
                Key,
                UpdateExpression: 'SET #name = :true',
                ConditionExpression: 'attribute_not_exists(#name)',
                ExpressionAttributeNames: { '#name': name },
                ExpressionAttributeValues: { ':true': true },
              },
            },
          ],
        }),
    };
  };
  const replicate = (milliseconds = 1000) => {
    now += milliseconds;
    table.deliver();
  };
  return { east: of('east'), west: of('west'), replicate };
}

describe('the simulated global table', () => {
  test('shows a write in the other region once it has replicated', async () => {
    const { east, west, replicate } = await replicatedTable();
    await east.put({ a: 1 });
    replicate(999);
    expect(await west.item()).toBeUndefined();
    replicate(1);
    expect(await west.item()).toMatchObject({ a: 1 });
  });

  test('evaluates a condition in the region of the write', async () => {
    const { east, west, replicate } = await replicatedTable();
    await east.put({});
    replicate();
    await east.add('used');
    await expect(east.add('used')).rejects.toMatchObject({ reasons: ['ConditionalCheckFailed'] });
    await west.add('used');
    replicate();
    await expect(west.add('used')).rejects.toMatchObject({ reasons: ['ConditionalCheckFailed'] });
  });

  test('replaces the whole item by that of the last writer, in both regions', async () => {
    const { east, west, replicate } = await replicatedTable();
    await east.put({});
    replicate();
    await east.add('revoked');
    await west.add('rotated');
    replicate();
    expect(await east.item()).toEqual({ pk: 'G#1', sk: '-', rotated: true });
    expect(await west.item()).toEqual(await east.item());
  });

  test('restores an item that another region updated after its deletion', async () => {
    const { east, west, replicate } = await replicatedTable();
    await east.put({});
    replicate();
    await east.remove();
    await west.add('slid');
    replicate();
    expect(await east.item()).toMatchObject({ slid: true });
  });
});

/** Few grants: the figures are of these seeds, and `npm run bench:regions` has those of `docs/multi-region.md`. */
const FEW = { grants: 25, seed: 1 };
const scenario = (name: string) => scenarios.find((each) => each.name === name)!;
const shape = (name: string) => shapes.find((each) => each.name === name)!;

describe('the simulation of two regions', () => {
  test('shows no fault where the state of a grant stays in its home region, whatever region receives a request', async () => {
    const figures = await figuresOf(scenario('a minute of delay, clients in both regions'), shape('home'), FEW);
    const { 'hours of a thief': hours, ...faults } = figures;
    expect(new Set(Object.values(faults))).toEqual(new Set([0]));
    expect(hours).toBeGreaterThan(0);
  });

  test('shows failed sign-ins, codes redeemed twice and lost sessions where each region uses its own replica', async () => {
    const figures = await figuresOf(scenario('a second of delay, clients in both regions'), shape('nearest'), FEW);
    for (const name of ['sign-ins failed', 'codes redeemed twice', 'sessions lost', 'signed out, provider rotates']) {
      expect([name, figures[name]]).not.toEqual([name, 0]);
    }
  });

  test('shows rejected tokens after a fail-over, and none of them with the two rules', async () => {
    const failure = scenario('the home region fails, clients near it');
    const [plain, ruled] = [shape('fail-over'), shape('fail-over, rules')];
    const many = { ...FEW, grants: 60 };
    expect((await figuresOf(failure, plain, many))['signed out']).toBeGreaterThan(0);
    const { 'signed out': signedOut, 'revocations undone': undone } = await figuresOf(failure, ruled, many);
    expect([signedOut, undone]).toEqual([0, 0]);
  });

  test('has equal figures for equal seeds', async () => {
    const [some, same] = [5, 5].map((grants) =>
      figuresOf(scenario('replication stops, clients in both regions'), shape('nearest, rules'), { grants, seed: 7 }),
    );
    expect(await some).toEqual(await same);
  });
});
