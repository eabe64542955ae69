import { type Finding, note } from '../doctor/finding.ts';
import { isResponse, type Probe, type ProbeResponse } from '../doctor/http-probe.ts';

/** The prefix of a function's header that API Gateway renames. */
const REMAPPED = 'x-amzn-remapped-';

/** Under which name a response has its challenge. */
export function challengeText({ headers }: ProbeResponse): string {
  const name = ['www-authenticate', `${REMAPPED}www-authenticate`].find((each) => each in headers);
  return name === undefined ? 'without a challenge' : `${name}: ${headers[name]!.split(/[ ,]/)[0]} …`;
}

/** Notes the names of the headers of `/mcp`, by status. Values can be personal. */
export class HeaderNames {
  readonly #names = new Map<number, Set<string>>();

  /** @returns a probe that also notes the header names of the responses of this URL */
  observing(probe: Probe, observed: string): Probe {
    return async (url, request) => {
      const result = await probe(url, request);
      if (url === observed && isResponse(result)) {
        const names = this.#names.get(result.status) ?? new Set();
        for (const name of Object.keys(result.headers)) names.add(name);
        this.#names.set(result.status, names);
      }
      return result;
    };
  }

  findings(): Finding[] {
    return Array.from(this.#names)
      .sort(([a], [b]) => a - b)
      .map(([status, names]) => note(`headers/${status}`, [...names].sort().join(', ')));
  }
}
