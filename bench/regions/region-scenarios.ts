import type { Shape } from './regional-deployment.ts';

/** How long replication takes, which region receives the requests of clients, and what happens to the regions. */
export type Scenario = {
  name: string;
  /** The median of the log-normal delay of replication, in seconds. */
  lagSeconds: number;
  /** The share of the requests of clients that the other region receives. Browsers are near the home region. */
  elsewhere: number;
  /** For 90 minutes replication stops, or the home region fails: within seconds after the clients refreshed their tokens. */
  incident?: 'replication stops' | 'region fails';
};

export const scenarios: readonly Scenario[] = [
  { name: 'a second of delay, one request in twenty elsewhere', lagSeconds: 0.7, elsewhere: 0.05 },
  { name: 'a second of delay, clients in both regions', lagSeconds: 0.7, elsewhere: 0.5 },
  { name: 'a minute of delay, clients in both regions', lagSeconds: 60, elsewhere: 0.5 },
  {
    name: 'replication stops, clients in both regions',
    lagSeconds: 0.7,
    elsewhere: 0.5,
    incident: 'replication stops',
  },
  { name: 'the home region fails, clients near it', lagSeconds: 0.7, elsewhere: 0, incident: 'region fails' },
];

export const shapes: readonly (Shape & { name: string })[] = [
  { name: 'nearest', placement: 'nearest', rules: false },
  { name: 'nearest, rules', placement: 'nearest', rules: true },
  { name: 'home', placement: 'home', rules: false },
  { name: 'fail-over', placement: 'fail-over', rules: false },
  { name: 'fail-over, rules', placement: 'fail-over', rules: true },
];
