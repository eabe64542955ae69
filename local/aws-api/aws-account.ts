/** The account and the region that the local emulator stands for. */
export const region = 'us-east-1';
export const account = '000000000000';

/** The ARN of a resource of the emulated account, e.g. `arn('kms', 'key/…')`. */
export const arn = (service: string, resource: string) => `arn:aws:${service}:${region}:${account}:${resource}`;
