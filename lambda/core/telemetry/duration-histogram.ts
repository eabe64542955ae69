import { type Attributes, type HistogramPoint, keyValues, nanoseconds, type OtlpHistogram } from './otlp-messages.ts';

/** In seconds, as the semantic conventions state them. */
const bounds = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

/** As the cardinality limit of the SDKs: clients choose methods and versions, so their number is not bounded. */
const MOST_POINTS = 2000;
const overflow: Attributes = { 'otel.metric.overflow': true };

/** Each export is the change of its period. The job keeps no totals. */
const DELTA = 1;

type Durations = { attributes: Attributes; counts: number[]; sum: number; min: number; max: number };

/** A metric of durations in a period, in seconds. */
export class DurationHistogram {
  readonly #name: string;
  readonly #description: string;
  readonly #points = new Map<string, Durations>();

  constructor(name: string, description: string) {
    this.#name = name;
    this.#description = description;
  }

  get isEmpty(): boolean {
    return this.#points.size === 0;
  }

  add(attributes: Attributes, seconds: number): void {
    const key = JSON.stringify(attributes);
    const isFull = this.#points.size >= MOST_POINTS - 1 && !this.#points.has(key);
    const point = this.#pointOf(isFull ? overflow : attributes);
    const bucket = bounds.findIndex((bound) => seconds <= bound);
    point.counts[bucket === -1 ? bounds.length : bucket]! += 1;
    point.sum += seconds;
    point.min = Math.min(point.min, seconds);
    point.max = Math.max(point.max, seconds);
  }

  #pointOf(attributes: Attributes): Durations {
    const key = JSON.stringify(attributes);
    const found = this.#points.get(key);
    if (found !== undefined) return found;
    const counts = Array.from({ length: bounds.length + 1 }, () => 0);
    const point = { attributes, counts, sum: 0, min: Number.POSITIVE_INFINITY, max: 0 };
    this.#points.set(key, point);
    return point;
  }

  /** @param from epoch milliseconds, as `to` */
  metric(from: number, to: number): OtlpHistogram {
    const dataPoints = Array.from(
      this.#points.values(),
      ({ attributes, counts, sum, min, max }): HistogramPoint => ({
        attributes: keyValues(attributes),
        startTimeUnixNano: nanoseconds(from),
        timeUnixNano: nanoseconds(to),
        count: String(counts.reduce((total, count) => total + count, 0)),
        ...{ sum, min, max },
        bucketCounts: counts.map(String),
        explicitBounds: bounds,
      }),
    );
    return {
      name: this.#name,
      description: this.#description,
      unit: 's',
      histogram: { aggregationTemporality: DELTA, dataPoints },
    };
  }
}
