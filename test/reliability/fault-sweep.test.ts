import { FaultSweep, flows, lostResponse } from './fault-sweep.ts';

/**
 * Effects once, though the client loses the response and repeats its request. The faults at the requests of the functions
 * take minutes: `npm run test:sweep`, with `--sample` in `.ci/run`.
 */

jest.setTimeout(60_000);

let sweep: FaultSweep;
beforeAll(async () => {
  sweep = await FaultSweep.start();
});
afterAll(() => sweep?.stop());

test.each(flows.map((flow) => [flow.name, flow] as const))(
  '%s: a lost response doubles and loses no effect',
  async (_name, flow) => {
    expect(await sweep.run(lostResponse(flow))).toBeUndefined();
  },
);
