/** Partitions by the beginning of their regions. */
const partitions: [regions: string, partition: string, urlSuffix: string][] = [
  ['cn-', 'aws-cn', 'amazonaws.com.cn'],
  ['us-gov-', 'aws-us-gov', 'amazonaws.com'],
  ['eusc-', 'aws-eusc', 'amazonaws.eu'],
  ['', 'aws', 'amazonaws.com'],
];

/** The account and the region that the emulator stands for: those that the app states, or the defaults. */
export class AwsEnvironment {
  readonly account: string;
  readonly region: string;
  readonly partition: string;
  /** The end of AWS's host names. */
  readonly urlSuffix: string;

  constructor({
    account = '000000000000',
    region = 'us-east-1',
  }: { account?: string | undefined; region?: string | undefined } = {}) {
    this.account = account;
    this.region = region;
    [, this.partition, this.urlSuffix] = partitions.find(([regions]) => region.startsWith(regions))!;
  }

  /** The ARN of a resource of the account, e.g. `arn('kms', 'key/…')`. */
  arn(service: string, resource: string): string {
    return `arn:${this.partition}:${service}:${this.region}:${this.account}:${resource}`;
  }

  /** The ARN of a resource without a region, e.g. `globalArn('iam', 'root')`. */
  globalArn(service: string, resource: string): string {
    return `arn:${this.partition}:${service}::${this.account}:${resource}`;
  }
}

/** Of an app that states neither account nor region. */
export const defaultEnvironment = new AwsEnvironment();
