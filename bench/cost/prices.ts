/** List prices of AWS in us-east-1, first tier of each, before free tiers and taxes. */

/** The date of the prices. A changed price needs a new date. */
export const PRICES_OF = '2026-11-21';
export const REGION = 'us-east-1';

export type Price = {
  /** US dollars for `per` units. */
  dollars: number;
  per: number;
  unit: string;
  /** The page of the price. */
  source: string;
  /** The monthly free tier of an account that does not expire. */
  free?: number;
};

const MILLION = 1_000_000;
const page = (service: string) => `https://aws.amazon.com/${service}/pricing/`;

export const prices = {
  apiRequests: { dollars: 3.5, per: MILLION, unit: 'requests', source: page('api-gateway') },
  functionRequests: { dollars: 0.2, per: MILLION, unit: 'requests', source: page('lambda'), free: MILLION },
  armGigabyteSeconds: { dollars: 0.0000133334, per: 1, unit: 'GB-s', source: page('lambda'), free: 400_000 },
  x86GigabyteSeconds: { dollars: 0.0000166667, per: 1, unit: 'GB-s', source: page('lambda'), free: 400_000 },
  readUnits: { dollars: 0.125, per: MILLION, unit: 'read units', source: page('dynamodb/on-demand') },
  writeUnits: { dollars: 0.625, per: MILLION, unit: 'write units', source: page('dynamodb/on-demand') },
  tableStorage: { dollars: 0.25, per: 1, unit: 'GB', source: page('dynamodb/on-demand'), free: 25 },
  tableHistory: { dollars: 0.2, per: 1, unit: 'GB', source: page('dynamodb/on-demand') },
  keys: { dollars: 1, per: 1, unit: 'keys', source: page('kms') },
  /** The free tier excludes requests with asymmetric keys. */
  signatures: { dollars: 0.15, per: 10_000, unit: 'signatures', source: page('kms') },
  keyRequests: { dollars: 0.03, per: 10_000, unit: 'key requests', source: page('kms'), free: 20_000 },
  logs: { dollars: 0.5, per: 1, unit: 'GB', source: page('cloudwatch'), free: 5 },
  logStorage: { dollars: 0.03, per: 1, unit: 'GB', source: page('cloudwatch') },
  alarms: { dollars: 0.1, per: 1, unit: 'metrics with an alarm', source: page('cloudwatch'), free: 10 },
  dashboards: { dollars: 3, per: 1, unit: 'dashboards', source: page('cloudwatch'), free: 3 },
  customMetrics: { dollars: 0.3, per: 1, unit: 'metrics', source: page('cloudwatch'), free: 10 },
  edgeRequests: { dollars: 0.01, per: 10_000, unit: 'requests', source: page('cloudfront'), free: 10 * MILLION },
  edgeTransfer: { dollars: 0.085, per: 1, unit: 'GB', source: page('cloudfront'), free: 1_000 },
  edgeToOrigin: { dollars: 0.02, per: 1, unit: 'GB', source: page('cloudfront') },
  transfer: { dollars: 0.09, per: 1, unit: 'GB', source: 'https://aws.amazon.com/ec2/pricing/on-demand/', free: 100 },
  firewalls: { dollars: 5, per: 1, unit: 'web ACLs', source: page('waf') },
  firewallRules: { dollars: 1, per: 1, unit: 'rules', source: page('waf') },
  firewallRequests: { dollars: 0.6, per: MILLION, unit: 'requests', source: page('waf') },
  secrets: { dollars: 0.4, per: 1, unit: 'secrets', source: page('secrets-manager') },
  users: { dollars: 0.015, per: 1, unit: 'users', source: page('cognito'), free: 10_000 },
} as const satisfies Record<string, Price>;

export type PriceName = keyof typeof prices;

export const priceOf = (name: PriceName): Price => prices[name];
