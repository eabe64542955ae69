import type { Scenario } from './region-scenarios.ts';
import { RegionSimulation } from './region-simulation.ts';
import type { Shape } from './regional-deployment.ts';
import { type Counts, noCounts, type Population, populations, SimulatedGrant } from './simulated-grant.ts';

/** Figures by name. The counts are per thousand grants of the kind that they concern, or per thousand sign-ins. */
export async function figuresOf(
  scenario: Scenario,
  shape: Shape,
  { grants, seed }: { grants: number; seed: number },
): Promise<Record<string, number>> {
  const of = {} as Record<Population, Counts>;
  for (const population of populations) {
    const simulation = await RegionSimulation.open(scenario, shape, seed);
    of[population] = noCounts();
    for (let grant = 0; grant < grants; grant++) {
      addTo(of[population], await new SimulatedGrant(simulation, population).live());
    }
  }
  const { honest, revoked } = of;
  const [rotating, replayed, stolen] = [of['provider rotates'], of['code replayed'], of['token stolen']];
  const perThousand = (count: number, all: number) => Math.round((1000 * count) / all);
  return {
    'sign-ins failed': perThousand(honest.failedSignIns, honest.signIns),
    'codes redeemed twice': perThousand(replayed.redeemedTwice, replayed.signIns),
    'signed out': perThousand(honest.signedOut, grants),
    'signed out, provider rotates': perThousand(rotating.signedOut, grants),
    'sessions lost': perThousand(honest.lostSessions, grants),
    'calls rejected': perThousand(honest.rejectedCalls, grants),
    'thefts missed': perThousand(stolen.theftsMissed, grants),
    'hours of a thief': Math.round((10 * stolen.stolenHours) / grants) / 10,
    'revocations undone': perThousand(revoked.revocationsUndone, grants),
    'minutes of 503': Math.round(honest.unavailableMinutes / grants),
  };
}

function addTo(sum: Counts, counts: Counts): void {
  for (const name of Object.keys(sum) as (keyof Counts)[]) sum[name] += counts[name];
}
