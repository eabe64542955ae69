import type { Grant } from '../../lambda/core/access/grant.ts';
import type { UpstreamTokens } from '../../lambda/core/identity/upstream-provider.ts';
import { randomId, randomToken, sha256 } from '../../lambda/core/support/crypto.ts';
import type { RegionSimulation } from './region-simulation.ts';
import { CLIENT, callerOf, HOME } from './regional-deployment.ts';
import { otherRegion, type Region } from './replicated-table.ts';

/** The kinds of simulated grants: used by the client alone, or with an event besides. */
export const populations = ['honest', 'provider rotates', 'code replayed', 'token stolen', 'revoked'] as const;
export type Population = (typeof populations)[number];

/** Counts of one grant, or sums of many. */
export type Counts = {
  grants: number;
  signIns: number;
  /** The code was rejected, although it was presented once and in time. */
  failedSignIns: number;
  /** A code that the client had redeemed gave tokens a second time. */
  redeemedTwice: number;
  /** The client's refresh token was rejected. */
  signedOut: number;
  /** A session of 2025-11-25 was replaced although its id was valid. */
  lostSessions: number;
  /** A call was rejected although the grant was valid. */
  rejectedCalls: number;
  /** Minutes in which a process of the client received 503 from the token endpoint, of all its processes in the mean. */
  unavailableMinutes: number;
  /** The holder of a stolen token received tokens until the end. */
  theftsMissed: number;
  /** Hours from a theft to the rejection of its holder, or to the end. */
  stolenHours: number;
  /** A revoked grant was valid at the end. */
  revocationsUndone: number;
};

export const noCounts = (): Counts => ({
  grants: 0,
  signIns: 0,
  failedSignIns: 0,
  redeemedTwice: 0,
  signedOut: 0,
  lostSessions: 0,
  rejectedCalls: 0,
  unavailableMinutes: 0,
  theftsMissed: 0,
  stolenHours: 0,
  revocationsUndone: 0,
});

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** Access tokens are refreshed every hour. */
const REFRESHES = 10;
const END = (REFRESHES + 1) * HOUR;
/** Everything has replicated by then. */
const SETTLED = END + HOUR;
const MOST_PROCESSES = 3;
/** A process uses a token that another one refreshed so recently. */
const FRESH = 30 * MINUTE;
const LOST_RESPONSES = 0.02;
/** The processes of a client refresh their common token within so many seconds. */
const REFRESH_SPREAD = 5 * SECOND;
const RETRY = 5 * SECOND;
const RETRY_UNAVAILABLE = MINUTE;

const redirectUri = 'https://client.example/callback';

/** The state of a holder of the refresh token: the client, or the holder of a stolen one. */
type Holder = { refreshToken: string; refreshedAt: number; region?: Region; rejectedAt?: number };

type Event = { at: number; run: () => Promise<void> };

/** Eleven hours of a grant: sign-in, a session, refreshes every hour by one to three processes that share a token file. */
export class SimulatedGrant {
  readonly #simulation: RegionSimulation;
  readonly #population: Population;
  readonly #counts = noCounts();
  readonly #start: number;
  readonly #processes: number;
  #events: Event[] = [];
  #id = '';
  #session: string | undefined;

  constructor(simulation: RegionSimulation, population: Population) {
    this.#simulation = simulation;
    this.#population = population;
    this.#counts.grants = 1;
    this.#start = simulation.begin();
    this.#processes = simulation.random.from(1, MOST_PROCESSES);
    simulation.deployment.provider.rotates = population === 'provider rotates';
  }

  async live(): Promise<Counts> {
    const { clock, deployment } = this.#simulation;
    const client: Holder = { refreshToken: await this.#signIn(), refreshedAt: 0 };
    this.#scheduleSession(client);
    for (let hour = 1; hour <= REFRESHES; hour++) {
      for (let process = 0; process < this.#processes; process++) {
        this.#at(hour * HOUR + this.#between(0, REFRESH_SPREAD), () => this.#refresh(client));
      }
    }
    if (this.#population === 'token stolen') this.#scheduleTheft(client);
    if (this.#population === 'revoked') this.#scheduleRevocation();
    await this.#run();
    clock.moveTo(this.#start + SETTLED);
    if (this.#population === 'revoked' && (await deployment.isLive(this.#id))) this.#counts.revocationsUndone = 1;
    return this.#counts;
  }

  /** Repeats the sign-in until its code gives tokens. @returns the refresh token */
  async #signIn(): Promise<string> {
    const { clock, deployment, random } = this.#simulation;
    for (let attempt = 0; ; attempt++) {
      this.#counts.signIns += 1;
      const { code, verifier } = await this.#createGrant();
      const form = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: redirectUri };
      clock.moveTo(clock.now() + this.#between(0.2 * SECOND, 2 * SECOND));
      // A user who failed signs in again from the region of the browser.
      const region = attempt === 0 ? this.#simulation.route() : HOME;
      const { refreshToken } = await deployment.token(region, form);
      if (this.#population === 'code replayed') {
        clock.moveTo(clock.now() + this.#between(0, 5 * SECOND));
        const replayed = await deployment.token(otherRegion(region), form);
        if (refreshToken !== undefined && replayed.refreshToken !== undefined) this.#counts.redeemedTwice += 1;
      }
      if (refreshToken !== undefined) return refreshToken;
      this.#counts.failedSignIns += 1;
      clock.moveTo(clock.now() + MINUTE * (1 + random.next()));
    }
  }

  /** The end of the callback in the home region: grant, upstream tokens and code. */
  async #createGrant(): Promise<{ code: string; verifier: string }> {
    const { deployment } = this.#simulation;
    const core = deployment.coreFor(HOME)!;
    const now = deployment.now();
    this.#id = randomId();
    const grant = grantAt(this.#id, now);
    const [code, verifier] = [randomToken(), randomToken()];
    await core.facade.grants.createGrant({
      grant,
      tokens: sealed(deployment.provider.issue(this.#id), now),
      codeHash: await sha256(code),
      code: {
        client: CLIENT,
        redirectUri,
        challenge: await sha256(verifier),
        scopes: ['use'],
        grant: this.#id,
        user: grant.user,
        expiresAt: now + 60,
      },
      approval: {
        user: grant.user,
        client: CLIENT,
        clientName: 'Client',
        redirectHost: 'client.example',
        scopes: ['use'],
        at: now,
      },
    });
    return { code, verifier };
  }

  /** `initialize`, the two messages that follow at once, and later a call twice an hour. */
  #scheduleSession(client: Holder): void {
    const opened = this.#simulation.clock.now() - this.#start + this.#between(0.1 * SECOND, SECOND);
    for (const after of [0, 0.1 * SECOND, 0.3 * SECOND]) this.#at(opened + after, () => this.#call(client));
    for (let at = opened + 20 * MINUTE; at < END; at += 30 * MINUTE) this.#at(at, () => this.#call(client));
  }

  async #call(client: Holder): Promise<void> {
    if (client.rejectedAt !== undefined) return;
    const core = this.#simulation.deployment.coreFor(this.#simulation.route());
    if (!core) return;
    const caller = callerOf(this.#id, USER);
    const presented = this.#session;
    const access = await (presented === undefined
      ? core.sessions.initialize(caller, initialize)
      : core.sessions.resume(caller, presented, initialize.protocolVersion));
    if (typeof access === 'string') {
      this.#counts.rejectedCalls += 1;
      return;
    }
    await access.slid;
    this.#session = access.session.id;
    if (presented !== undefined && presented !== this.#session) this.#counts.lostSessions += 1;
  }

  async #refresh(holder: Holder): Promise<void> {
    const isFresh = this.#simulation.clock.now() - this.#start - holder.refreshedAt < FRESH;
    if (holder.rejectedAt !== undefined || isFresh) return;
    const { deployment, random } = this.#simulation;
    const form = { grant_type: 'refresh_token', refresh_token: holder.refreshToken };
    const { status, refreshToken } = await deployment.token(holder.region ?? this.#simulation.route(), form);
    const after = this.#simulation.clock.now() - this.#start;
    if (status === 503) {
      this.#counts.unavailableMinutes += RETRY_UNAVAILABLE / MINUTE / this.#processes;
      this.#at(after + RETRY_UNAVAILABLE, () => this.#refresh(holder));
    } else if (refreshToken === undefined) {
      holder.rejectedAt = after;
      this.#counts.signedOut = 1;
    } else if (random.next() < LOST_RESPONSES) {
      this.#at(after + RETRY, () => this.#refresh(holder));
    } else {
      this.#at(after + this.#between(0.1 * SECOND, SECOND), async () => {
        Object.assign(holder, { refreshToken, refreshedAt: after });
      });
    }
  }

  /** A second holder in the other region, who refreshes every hour, ten minutes or more apart from the client. */
  #scheduleTheft(client: Holder): void {
    const theft = this.#between(0.5 * HOUR, 2.5 * HOUR);
    const thief: Holder = { refreshToken: '', refreshedAt: 0, region: otherRegion(HOME) };
    this.#at(theft, async () => {
      thief.refreshToken = client.refreshToken;
    });
    const minute = this.#between(10 * MINUTE, 50 * MINUTE);
    const first = Math.ceil((theft - minute) / HOUR) * HOUR + minute;
    for (let at = first; at < END; at += HOUR) this.#at(at, () => this.#refresh(thief));
    this.#at(END, async () => {
      this.#counts.theftsMissed = thief.rejectedAt === undefined ? 1 : 0;
      this.#counts.stolenHours = ((thief.rejectedAt ?? END) - theft) / HOUR;
    });
  }

  #scheduleRevocation(): void {
    // Where a region fails, just before that.
    const { incident } = this.#simulation.scenario;
    const at =
      incident === 'region fails' ? 2 * HOUR + this.#between(0, REFRESH_SPREAD) : this.#between(HOUR, 3 * HOUR);
    const revoke = async () => {
      const { clock, deployment } = this.#simulation;
      const core = deployment.coreFor(this.#simulation.route());
      if (core) await core.revocation.revokeGrant(this.#id, deployment.now());
      else this.#at(clock.now() - this.#start + RETRY_UNAVAILABLE, revoke);
    };
    this.#at(at, revoke);
  }

  /** @param at milliseconds after the start */
  #at(at: number, run: () => Promise<void>): void {
    this.#events.push({ at: this.#start + at, run });
  }

  async #run(): Promise<void> {
    while (this.#events.length > 0) {
      const next = this.#events.reduce((first, each) => (each.at < first.at ? each : first));
      this.#events = this.#events.filter((each) => each !== next);
      if (next.at > this.#start + END) continue;
      this.#simulation.clock.moveTo(next.at);
      await next.run();
    }
  }

  #between(least: number, most: number): number {
    return this.#simulation.between(least, most);
  }
}

const USER = 'user';

const initialize = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'Client', version: '1.0.0' },
};

const grantAt = (id: string, now: number): Grant => ({
  id,
  status: 'active',
  user: USER,
  issuer: 'https://provider.example',
  subject: 'subject',
  client: CLIENT,
  clientName: 'Client',
  scopes: ['use'],
  groups: [],
  createdAt: now,
  absoluteExpiresAt: now + 90 * 86_400,
  idleExpiresAt: now + 30 * 86_400,
  refresh: { head: 1, predecessor: 0, superseded: {} },
});

const sealed = (tokens: UpstreamTokens, now: number) => ({
  sealed: JSON.stringify(tokens),
  version: 1,
  expiresAt: tokens.expiresAt,
  refreshedAt: now,
  groups: [],
});
