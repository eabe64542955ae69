import { AwsError } from '../aws-api/aws-error.ts';

export const validationError = (message: string) => new AwsError('ValidationException', message);

/** The opening words of most of DynamoDB's errors about values. */
export const invalidParameter = (message: string) =>
  validationError(`One or more parameter values were invalid: ${message}`);
