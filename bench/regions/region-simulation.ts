import type { Clock } from '../../lambda/core/support/clock.ts';
import { Random } from '../harness/random.ts';
import type { Scenario } from './region-scenarios.ts';
import { HOME, type Period, RegionalDeployment, type Shape } from './regional-deployment.ts';
import { otherRegion, type Region, ReplicatedTable } from './replicated-table.ts';

const HOUR = 3_600_000;
/** The spread of the log-normal delay: the 99th percentile is five times the median. */
const SIGMA = 0.7;
/** The incident begins within so many milliseconds after the refresh of the second hour begins. */
const INCIDENT_SPREAD = 10_000;

/** A clock that moves when the simulation, or a sleep, moves it. */
export class SimulatedClock implements Pick<Clock, 'now' | 'sleep'> {
  /** Runs after each move. */
  moved: () => void = () => undefined;
  #now = 0;

  now(): number {
    return this.#now;
  }

  moveTo(at: number): void {
    this.#now = Math.max(this.#now, at);
    this.moved();
  }

  /** The requests of one grant run one after the other, so a sleep moves the time. */
  async sleep(milliseconds: number): Promise<void> {
    this.moveTo(this.#now + milliseconds);
  }
}

/** The state of the simulation of one shape in one scenario. */
export class RegionSimulation {
  readonly clock = new SimulatedClock();
  readonly random: Random;
  readonly scenario: Scenario;
  #deployment!: RegionalDeployment;
  #table!: ReplicatedTable;
  #incident: Period | undefined;

  private constructor(scenario: Scenario, seed: number) {
    this.scenario = scenario;
    this.random = new Random(seed);
  }

  /** @param seed equal seeds give equal outcomes */
  static async open(scenario: Scenario, shape: Shape, seed: number): Promise<RegionSimulation> {
    const simulation = new RegionSimulation(scenario, seed);
    const { clock } = simulation;
    const arrivalFrom = () => simulation.#arrival();
    const table = await ReplicatedTable.open({ now: () => clock.now(), arrivalFrom });
    clock.moved = () => table.deliver();
    simulation.#table = table;
    simulation.#deployment = new RegionalDeployment(table, clock, simulation.random, shape);
    return simulation;
  }

  get deployment(): RegionalDeployment {
    return this.#deployment;
  }

  /** Begins the hours of the next grant. @returns their start, in epoch milliseconds */
  begin(): number {
    this.#table.clear();
    const start = this.clock.now() + 24 * HOUR;
    this.clock.moveTo(start);
    const { incident } = this.scenario;
    const from = start + 2 * HOUR + this.random.next() * INCIDENT_SPREAD;
    this.#incident = incident && { from, until: from + 1.5 * HOUR };
    this.deployment.outage = incident === 'region fails' ? this.#incident : undefined;
    return start;
  }

  /** The region that receives a request of a client. */
  route(): Region {
    const region = this.random.next() < this.scenario.elsewhere ? otherRegion(HOME) : HOME;
    return this.deployment.isDown(region) ? otherRegion(region) : region;
  }

  /** A duration between both, in milliseconds. */
  between(least: number, most: number): number {
    return least + this.random.next() * (most - least);
  }

  /** A write that would arrive during an incident arrives after it. */
  #arrival(): number {
    const now = this.clock.now();
    const lag = 1000 * this.scenario.lagSeconds * Math.exp(SIGMA * this.#normal());
    const { from = Number.POSITIVE_INFINITY, until = 0 } = this.#incident ?? {};
    return now + lag >= from && now < until ? until + lag : now + lag;
  }

  /** A draw from the standard normal distribution (Box and Muller). */
  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.random.next())) * Math.cos(2 * Math.PI * this.random.next());
  }
}
